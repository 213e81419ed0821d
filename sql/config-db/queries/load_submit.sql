-- queued to submitted, for the newest attempt. A status event that was faster has moved the load on already: then
-- nothing happens.
UPDATE rdscnfg.ext_file_load AS load
SET
    submitted_at = $3,
    state = 'submitted',
    state_at = $3,
    state_actor = $4,
    state_note = $5
WHERE load.load_id = $1
    AND load.state = 'queued'
    AND $2 = (
        SELECT max(statement.attempt)
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'load'
    )

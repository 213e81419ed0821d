-- An invocation that runs out of time gives its lease back, is counted, and leaves the load due at once.
UPDATE rdscnfg.ext_file_load
SET
    handovers = handovers + 1,
    due_at = $3,
    lease_owner = NULL,
    lease_step = NULL,
    lease_until = NULL
WHERE load_id = $1
    AND lease_owner = $2

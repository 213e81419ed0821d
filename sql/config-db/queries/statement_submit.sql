-- The warehouse's id for an attempt. A status event may have brought it, and the end, already: both stay.
UPDATE rdscnfg.ext_statement
SET
    statement_id = coalesce(statement_id, $4),
    state = CASE WHEN state = 'recorded' THEN 'submitted' ELSE state END,
    submitted_at = $5,
    refused_at = NULL
WHERE load_id = $1
    AND kind = $2
    AND attempt = $3
    AND submitted_at IS NULL

-- The service refused the call of an attempt, and every call of it before: nothing of it runs there.
UPDATE rdscnfg.ext_statement
SET refused_at = $4
WHERE load_id = $1
    AND kind = $2
    AND attempt = $3
    AND submitted_at IS NULL
    AND finished_at IS NULL

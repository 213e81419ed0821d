-- An attempt whose calls were all refused is called again: from here on a call may have taken effect. Its token counts from $4, where
-- it is to count anew.
UPDATE rdscnfg.ext_statement
SET
    refused_at = NULL,
    recorded_at = coalesce($4, recorded_at)
WHERE load_id = $1
    AND kind = $2
    AND attempt = $3
    AND refused_at IS NOT NULL

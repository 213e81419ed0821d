-- Loads of a batch that did not come about wait in their buffer again, each with at most $2 others.
UPDATE rdscnfg.ext_file_load
SET
    batch_id = NULL,
    batch_share = coalesce(least(batch_share, $2::integer), $2::integer)
WHERE batch_id = $1
    AND state = 'batched'

-- Loads of a batch that did not come about wait in their buffer again, each with at most $2 others, or alone where it is
-- suspected ($3) of being why.
UPDATE rdscnfg.ext_file_load
SET
    batch_id = NULL,
    batch_share = CASE
        WHEN load_id = ANY ($3::uuid[]) THEN 1
        ELSE coalesce(least(batch_share, $2::integer), $2::integer)
    END
WHERE batch_id = $1
    AND state = 'batched'

-- The loads that wait in a buffer, in the order in which they are loaded.
SELECT
    load.load_id,
    load.bucket_name,
    load.object_key,
    load.size_bytes,
    load.sources,
    load.rows_expected,
    load.batch_share
FROM rdscnfg.ext_file_load AS load
WHERE load.buffer_id = $1
    AND load.state = 'batched'
    AND load.batch_id IS NULL
ORDER BY
    load.batch_order,
    load.received_at,
    load.load_id
LIMIT $2::bigint

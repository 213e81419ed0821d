-- The loads that wait in a set, in the order in which they came.
SELECT
    load.load_id,
    load.ext_file_config_sid,
    load.ext_interface_cid::text AS ext_interface_cid,
    load.interface_name,
    load.bucket_name,
    load.object_key,
    load.file_name,
    load.size_bytes,
    load.sources,
    load.rows_expected,
    load.set_part
FROM rdscnfg.ext_file_load AS load
WHERE load.buffer_id = $1
    AND load.state = 'batched'
    AND load.batch_id IS NULL
ORDER BY
    load.received_at,
    load.load_id
LIMIT $2::bigint

-- Makes room for one more load in a set, which is made by the first. Until the transaction ends nobody else counts in it.
INSERT INTO rdscnfg.ext_load_buffer AS buffer (
    buffer_id,
    bucket_name,
    ext_file_config_sid,
    ext_interface_cid,
    interface_name,
    warehouse,
    recipe,
    max_files,
    max_seconds,
    one_at_a_time,
    group_name,
    group_set,
    files,
    bytes,
    first_at
)
SELECT
    $2,
    load.bucket_name,
    load.ext_file_config_sid,
    load.ext_interface_cid,
    load.interface_name,
    '',
    '{}',
    1000,
    0,
    FALSE,
    $3,
    $4,
    1,
    load.size_bytes,
    $5::timestamptz
FROM rdscnfg.ext_file_load AS load
WHERE load.load_id = $1
ON CONFLICT (buffer_id) DO UPDATE
SET
    files = buffer.files + 1,
    bytes = buffer.bytes + excluded.bytes,
    first_at = coalesce(buffer.first_at, excluded.first_at)

-- The load that carries loads of a buffer. Its object is its manifest. The id is made of those of its files, so two workers
-- that take the same files make the same batch, and one of them finds it made.
INSERT INTO rdscnfg.ext_file_load (
    load_id,
    bucket_name,
    object_key,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    ext_file_config_sid,
    ext_interface_cid,
    interface_name,
    tgt_schema_name,
    tgt_table_name,
    buffer_id,
    batch_files,
    claims,
    received_at
)
SELECT
    $2,
    buffer.bucket_name,
    $3,
    $4::bigint,
    $5,
    $7,
    $8,
    buffer.ext_file_config_sid,
    buffer.ext_interface_cid,
    buffer.interface_name,
    buffer.tgt_schema_name,
    buffer.tgt_table_name,
    buffer.buffer_id,
    $6::integer,
    0,
    $7
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.buffer_id = $1
ON CONFLICT (load_id) DO NOTHING

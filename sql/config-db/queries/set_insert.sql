-- The load that carries a set. Its object is its manifest; it stands under the rule that leads the group. The id is made of
-- those of its files, so two workers that take the same files make the same one, and one of them finds it made.
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
    set_part,
    claims,
    received_at
)
SELECT
    $2,
    buffer.bucket_name,
    $3,
    $4::bigint,
    $5,
    $12,
    $13,
    $6,
    $7::text::numeric,
    $8,
    $9::text,
    $10::text,
    buffer.buffer_id,
    $11::integer,
    jsonb_build_object('group', buffer.group_name, 'set', buffer.group_set),
    0,
    $12
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.buffer_id = $1
ON CONFLICT (load_id) DO NOTHING

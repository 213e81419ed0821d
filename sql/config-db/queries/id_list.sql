-- The loads, batches among them, and the buffers whose ids lie between two, at most $3 of each. What a buffer is called is the set
-- that waits in it, or its table.
(
    SELECT
        load.load_id AS id,
        load.file_name AS name,
        load.state,
        CASE WHEN load.batch_files IS NULL THEN 'load' ELSE 'batch' END AS kind
    FROM rdscnfg.ext_file_load AS load
    WHERE load.load_id BETWEEN $1 AND $2
    ORDER BY load.load_id
    LIMIT $3::bigint
)
UNION ALL
(
    SELECT
        buffer.buffer_id AS id,
        coalesce(buffer.group_set, buffer.tgt_schema_name || '.' || buffer.tgt_table_name) AS name,
        NULL::text AS state,
        'buffer' AS kind
    FROM rdscnfg.ext_load_buffer AS buffer
    WHERE buffer.buffer_id BETWEEN $1 AND $2
    ORDER BY buffer.buffer_id
    LIMIT $3::bigint
)

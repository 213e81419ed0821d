-- Keeps everybody else from joining a buffer or taking from it until the transaction ends, and where one batch of a table is
-- under way at a time also from making one for that table. The counts are those under the lock.
SELECT
    buffer.files,
    CASE
        WHEN buffer.one_at_a_time THEN pg_advisory_xact_lock(
            hashtextextended(
                concat_ws(
                    E'\n',
                    'batch',
                    buffer.warehouse,
                    lower(buffer.tgt_schema_name),
                    lower(buffer.tgt_table_name)
                ),
                0
            )
        )::text
    END AS locked
FROM rdscnfg.ext_load_buffer AS buffer
WHERE buffer.buffer_id = $1
FOR UPDATE

-- A batch of the table of a buffer that is under way, where there is to be one at a time.
SELECT batch.load_id
FROM rdscnfg.ext_load_buffer AS buffer
INNER JOIN rdscnfg.ext_load_buffer AS other
    ON other.one_at_a_time
    AND other.warehouse = buffer.warehouse
    AND lower(other.tgt_schema_name) = lower(buffer.tgt_schema_name)
    AND lower(other.tgt_table_name) = lower(buffer.tgt_table_name)
INNER JOIN rdscnfg.ext_file_load AS batch
    ON batch.buffer_id = other.buffer_id
    AND batch.batch_files IS NOT NULL
    AND batch.finished_at IS NULL
WHERE buffer.buffer_id = $1
    AND buffer.one_at_a_time
LIMIT 1

-- Counts anew what waits in a buffer that is locked, after loads left it or came back. With $2 all of it is due since then; a
-- wish to empty it ends when it is empty.
UPDATE rdscnfg.ext_load_buffer AS buffer
SET
    files = waiting.files,
    bytes = waiting.bytes,
    first_at = waiting.first_at,
    flush_at = CASE WHEN waiting.files > 0 THEN coalesce($2::timestamptz, buffer.flush_at) END
FROM (
    SELECT
        count(*)::integer AS files,
        coalesce(sum(load.size_bytes), 0)::bigint AS bytes,
        min(load.prepared_at) AS first_at
    FROM rdscnfg.ext_file_load AS load
    WHERE load.buffer_id = $1
        AND load.state = 'batched'
        AND load.batch_id IS NULL
) AS waiting
WHERE buffer.buffer_id = $1

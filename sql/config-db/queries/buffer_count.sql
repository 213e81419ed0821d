-- Counts anew what waits in a buffer that is locked, after loads left it or came back. With $2 all of it is due since then; a
-- wish to empty it ends when it is empty, and with $4, when it was a set's of which a load was made. With $3 a load left it for
-- one in its place, or a set that gets a file again and again would wait for ever.
UPDATE rdscnfg.ext_load_buffer AS buffer
SET
    files = waiting.files,
    bytes = waiting.bytes,
    first_at = CASE
        WHEN waiting.files > 0 AND $3 THEN least(buffer.first_at, waiting.first_at)
        ELSE waiting.first_at
    END,
    flush_at = CASE WHEN waiting.files > 0 AND NOT $4 THEN coalesce($2::timestamptz, buffer.flush_at) END
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

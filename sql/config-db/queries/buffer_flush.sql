-- All that waits in a buffer is due.
UPDATE rdscnfg.ext_load_buffer
SET flush_at = coalesce(flush_at, $2)
WHERE buffer_id = $1
    AND files > 0

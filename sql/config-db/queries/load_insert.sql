-- A load for an object that an event announces, unless it has one. Whoever makes it claims it next, in the same transaction: until
-- then it has no claims. Of two that make it at once the second waits for the first to commit, and makes nothing.
INSERT INTO rdscnfg.ext_file_load (
    load_id,
    bucket_name,
    object_key,
    object_version,
    etag,
    sequencer,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    received_at,
    claims,
    queue_name,
    announced_captures,
    trace_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10, $9, $10, 0, $11, $12, $13)
ON CONFLICT DO NOTHING

-- The loads that wait in a buffer and whose object may have been replaced: a later load is about another content under its key,
-- and no replay, which brings an earlier one. What reads a copy made for it has lost nothing by that; but of a set, where one
-- file was sent twice, the two are one file.
SELECT
    load.load_id,
    load.bucket_name,
    load.object_key,
    load.etag,
    later.load_id AS superseded_by
FROM rdscnfg.ext_file_load AS load
CROSS JOIN LATERAL (
    SELECT newer.load_id
    FROM rdscnfg.ext_file_load AS newer
    WHERE newer.bucket_name = load.bucket_name
        AND newer.object_key = load.object_key
        AND newer.parent_load_id IS NULL
        AND newer.replays_load_id IS NULL
        AND newer.etag <> load.etag
        AND (newer.received_at, newer.load_id) > (load.received_at, load.load_id)
        AND (
            NOT load.prepared
            OR (load.set_part IS NOT NULL AND newer.buffer_id = load.buffer_id AND newer.state = 'batched')
        )
    ORDER BY
        newer.received_at DESC,
        newer.load_id DESC
    LIMIT 1
) AS later
WHERE load.buffer_id = $1
    AND load.state = 'batched'
    AND load.batch_id IS NULL
    AND load.read_key IS NULL
ORDER BY
    load.received_at,
    load.load_id

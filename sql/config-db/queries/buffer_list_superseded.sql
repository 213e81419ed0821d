-- Of the loads $2, which wait in the buffer $1, those whose object may be another by now: a load that is under way, or came later,
-- is about another content under its key, and no replay, which brings an earlier one. Events may come in any order, so which of
-- two is the later file is not said here. What reads a copy made for it has lost nothing; but of a set, where one file was sent
-- twice, the two are one file.
SELECT
    load.load_id,
    load.bucket_name,
    load.object_key,
    load.etag,
    another.load_id AS superseded_by
FROM rdscnfg.ext_file_load AS load
CROSS JOIN LATERAL (
    SELECT other.load_id
    FROM rdscnfg.ext_file_load AS other
    WHERE other.bucket_name = load.bucket_name
        AND other.object_key = load.object_key
        AND other.parent_load_id IS NULL
        AND other.replays_load_id IS NULL
        AND other.etag <> load.etag
        AND (
            other.finished_at IS NULL
            OR (other.received_at, other.load_id) > (load.received_at, load.load_id)
        )
        AND (
            NOT load.prepared
            OR (load.set_part IS NOT NULL AND other.buffer_id = load.buffer_id AND other.state = 'batched')
        )
    ORDER BY
        other.received_at DESC,
        other.load_id DESC
    LIMIT 1
) AS another
WHERE load.load_id = ANY ($2::uuid[])
    AND load.buffer_id = $1
    AND load.state = 'batched'
    AND load.batch_id IS NULL
    AND load.read_key IS NULL
ORDER BY
    load.received_at,
    load.load_id

-- The loads of files of another content under the key of a load, the newest first, at most $2. No replays: they bring earlier
-- files again.
SELECT
    other.load_id,
    other.sequencer,
    other.received_at
FROM rdscnfg.ext_file_load AS load
INNER JOIN rdscnfg.ext_file_load AS other
    ON other.bucket_name = load.bucket_name
    AND other.object_key = load.object_key
    AND other.etag <> load.etag
WHERE load.load_id = $1
    AND other.parent_load_id IS NULL
    AND other.batch_files IS NULL
    AND other.replays_load_id IS NULL
ORDER BY
    other.received_at DESC,
    other.load_id DESC
LIMIT $2::bigint

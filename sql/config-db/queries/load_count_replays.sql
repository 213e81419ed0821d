-- How many replays a file's content has: the next one's number is one more. Whoever asks holds the content's lock.
SELECT count(*) AS replays
FROM rdscnfg.ext_file_load AS load
INNER JOIN rdscnfg.ext_file_load AS replay
    ON replay.bucket_name = load.bucket_name
    AND replay.object_key = load.object_key
    AND coalesce(replay.object_version, replay.etag, '') = coalesce(load.object_version, load.etag, '')
    AND replay.replays_load_id IS NOT NULL
    AND replay.parent_load_id IS NULL
WHERE load.load_id = $1

-- The files of these rules that were refused since $3, the newest first; not those of which a later one waits or was loaded.
SELECT
    load.ext_file_config_sid,
    load.object_key,
    load.captures,
    load.error
FROM rdscnfg.ext_file_load AS load
WHERE load.bucket_name = $1
    AND load.ext_file_config_sid = ANY ($2::integer[])
    AND load.state = 'rejected'
    AND load.received_at >= $3
    AND load.parent_load_id IS NULL
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS later
        WHERE later.bucket_name = load.bucket_name
            AND later.object_key = load.object_key
            AND later.parent_load_id IS NULL
            AND (later.received_at, later.load_id) > (load.received_at, load.load_id)
            AND later.state <> 'received'
    )
ORDER BY
    load.received_at DESC,
    load.load_id
LIMIT $4::bigint

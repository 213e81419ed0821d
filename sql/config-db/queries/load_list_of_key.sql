-- The loads of whole files under a key, the newest first, at most $3.
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
WHERE load.bucket_name = $1
    AND load.object_key = $2
    AND load.parent_load_id IS NULL
ORDER BY load.received_at DESC, load.load_id
LIMIT $3::bigint

-- The keys of the first $2 files that a batch carries or carried, in the order in which it took them.
SELECT load.object_key
FROM rdscnfg.ext_file_load AS load
WHERE load.batch_id = $1
ORDER BY
    load.batch_order,
    load.received_at,
    load.load_id
LIMIT $2::bigint

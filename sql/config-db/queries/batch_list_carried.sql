-- The loads that a batch carries or carried, in the order in which it took them.
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
WHERE load.batch_id = $1
ORDER BY
    load.batch_order,
    load.received_at,
    load.load_id

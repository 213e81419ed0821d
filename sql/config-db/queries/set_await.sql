-- A file of these rules that is on the ledger and on its way into the set $3: its rule is paused, a table is awaited, or it is being
-- prepared. Which set it will join, its folder says, or what its key gives under the name $4.
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
WHERE load.ext_file_config_sid = ANY ($2::integer[])
    AND load.state = 'received'
    AND load.bucket_name = $1
    AND load.parent_load_id IS NULL
    AND CASE
        WHEN $4::text IS NULL THEN substring(load.object_key FROM '^(.*)/[^/]*$') IS NOT DISTINCT FROM nullif($3::text, '')
        ELSE load.captures ->> $4::text = $3::text
    END
LIMIT 1

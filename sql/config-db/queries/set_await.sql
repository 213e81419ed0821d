-- A file of these rules that is on the ledger and on its way into the set $3 with the buffer $5: its rule is paused, a table is
-- awaited, or it is being prepared. Which set it will join, its folder says, or what its key gives under the name $4. One whose
-- content waits in the set already does not count: it waits for that one's end, as the set would for it.
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
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS member
        WHERE member.buffer_id = $5
            AND member.state = 'batched'
            AND member.batch_id IS NULL
            AND member.object_key = load.object_key
            AND member.etag = load.etag
    )
LIMIT 1

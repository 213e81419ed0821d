-- An event takes over the load that a listing made for its object, so that both are one: the load takes the event's
-- sequencer and with it the event's identity, and its queue. Not one that was made for the rule of another queue, nor, when the
-- event came by a queue that a rule has for itself, one that was made for a rule that takes files by their keys: that is to be
-- loaded beside what the event brings. Only the first event of the object does, and only one that is not about a later write
-- of the same bytes: by the version where there are versions, else by the event's time, which is that of the write, while
-- listed_at is after it. Clocks may differ by a minute. Runs under object_lock.sql.
UPDATE rdscnfg.ext_file_load
SET
    object_version = $3,
    sequencer = $5::text,
    queue_name = coalesce(queue_name, $7)
WHERE load_id = (
        SELECT listed.load_id
        FROM rdscnfg.ext_file_load AS listed
        WHERE listed.bucket_name = $1
            AND listed.object_key = $2
            AND listed.parent_load_id IS NULL
            AND listed.listed_at IS NOT NULL
            AND listed.sequencer LIKE 'listed-%'
            AND (
                listed.queue_name = $7::text
                OR (
                    listed.queue_name IS NULL
                    AND NOT (
                        listed.sequencer LIKE 'listed-%-for-%'
                        AND EXISTS (
                            SELECT
                            FROM rdscnfg.ext_file_config AS config
                            WHERE config.oprtnl_flag = 'A'
                                AND config.queue_name IS NOT NULL
                                AND regexp_replace(btrim(config.queue_name::text, E' \t\r\n'), '^arn:.*:', '') = $7::text
                        )
                    )
                )
            )
            AND CASE
                WHEN nullif($3::text, 'null') IS NOT NULL AND nullif(listed.object_version, 'null') IS NOT NULL
                    THEN listed.object_version = $3::text
                ELSE listed.etag = $4::text
                    AND ($6::timestamptz IS NULL OR $6::timestamptz <= listed.listed_at + interval '1 minute')
            END
        ORDER BY listed.listed_at DESC, listed.load_id
        LIMIT 1
    )
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS announced
        WHERE announced.bucket_name = $1
            AND announced.object_key = $2
            AND coalesce(announced.object_version, announced.etag, '') = coalesce($3::text, $4::text, '')
            AND coalesce(announced.sequencer, '') = coalesce($5::text, '')
            AND announced.parent_load_id IS NULL
    )

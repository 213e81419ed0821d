-- Of a page of a listing, the objects that the ledger does not account for, and those that were refused and left where
-- they are, each with the load that refused it.
-- A load accounts for an object with its key and entity tag while it is not finished, or when it left the file where it is
-- and was received after the file was written (clocks may differ by a minute). A finished load that archived its file
-- accounts for nothing: what lies there again came later.
-- Where rule $5 wants the objects, only its own loads count, and of those whose rule is not known the ones that came through
-- its queue $6, or any where it takes files by their keys.
SELECT
    listed.place,
    known.load_id,
    known.rules_seen
FROM unnest($2::text[], $3::text[], $4::timestamptz[])
    WITH ORDINALITY AS listed (object_key, etag, modified_at, place)
LEFT JOIN LATERAL (
    SELECT
        earlier.load_id,
        earlier.rules_seen,
        earlier.state = 'rejected' AND earlier.finished_at IS NOT NULL AS is_refused
    FROM rdscnfg.ext_file_load AS earlier
    WHERE earlier.bucket_name = $1
        AND earlier.object_key = listed.object_key
        AND earlier.parent_load_id IS NULL
        AND (earlier.etag = listed.etag OR earlier.etag IS NULL OR listed.etag IS NULL)
        AND (
            $5::integer IS NULL
            OR earlier.ext_file_config_sid = $5::integer
            OR (earlier.ext_file_config_sid IS NULL AND ($6::text IS NULL OR earlier.queue_name = $6::text))
        )
        AND (
            earlier.finished_at IS NULL
            OR (
                earlier.archived_key IS NULL
                AND earlier.received_at >= listed.modified_at - interval '1 minute'
            )
        )
    ORDER BY earlier.finished_at IS NULL DESC, earlier.received_at DESC, earlier.load_id
    LIMIT 1
) AS known ON true
WHERE known.load_id IS NULL OR known.is_refused
ORDER BY listed.place

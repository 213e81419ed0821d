-- A load for an object that a listing found, unless the ledger accounts for the object by now (see
-- load_compare_listed.sql, also for rule $15 and queue $14; with $12 earlier refusals do not count) or a load put it away since it was seen at $13: clocks may
-- differ by seconds, and a file that came after that one is found by the next listing. Nobody holds a lease on it: the
-- reconciler takes it up like any load that stands still. Making it again changes nothing. Runs under object_lock.sql.
INSERT INTO rdscnfg.ext_file_load (
    load_id,
    bucket_name,
    object_key,
    object_version,
    etag,
    sequencer,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    state_note,
    received_at,
    listed_at,
    rules_seen,
    queue_name
)
SELECT
    $1::uuid,
    $2::text,
    $3::text,
    $4::text,
    $5::text,
    $6::text,
    $7::bigint,
    $8::text,
    $10::timestamptz,
    $9::text,
    $16::text,
    $10::timestamptz,
    $10::timestamptz,
    $12::text,
    $14::text
WHERE NOT EXISTS (
    SELECT
    FROM rdscnfg.ext_file_load AS known
    WHERE known.bucket_name = $2::text
        AND known.object_key = $3::text
        AND known.parent_load_id IS NULL
        AND CASE
            WHEN nullif($4::text, 'null') IS NOT NULL AND nullif(known.object_version, 'null') IS NOT NULL
                THEN known.object_version = $4::text
            ELSE known.etag = $5::text OR known.etag IS NULL OR $5::text IS NULL
        END
        AND (
            $15::integer IS NULL
            OR known.ext_file_config_sid = $15::integer
            OR (known.ext_file_config_sid IS NULL AND ($14::text IS NULL OR known.queue_name = $14::text))
        )
        AND (
            known.finished_at IS NULL
            OR (known.archived_key IS NOT NULL AND known.finished_at >= $13::timestamptz - interval '5 seconds')
            OR (
                known.archived_key IS NULL
                AND known.received_at >= $11::timestamptz - interval '1 minute'
                AND ($12::text IS NULL OR known.state <> 'rejected')
            )
        )
)
ON CONFLICT DO NOTHING
RETURNING trace_id

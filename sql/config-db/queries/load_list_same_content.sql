-- The other loads of a file's content (bucket, key, length and entity tag), the newest first.
-- Under way: it began and is not done, or a part of it is not. One that has not begun waits as the caller does.
-- Has rows: its transaction committed and no operator had it forgotten; of a file that was cut, that of every part, or of the same part of another one.
-- A load for one of several targets says nothing of the others: what it brought is looked for target by target.
-- Where the rows went is said by its plan, or by that of the batch or set that carried it.
SELECT
    other.load_id,
    other.state,
    other.received_at,
    other.archived_key,
    other.deliveries IS NOT NULL AS is_delivered,
    other.ext_file_config_sid,
    other.tgt_schema_name,
    other.tgt_table_name,
    coalesce(other.plan, carrier.plan) -> 'warehouse' AS warehouse,
    (
        (other.admitted_at IS NOT NULL OR other.state <> 'received')
        AND (
            other.finished_at IS NULL
            OR EXISTS (
                SELECT
                FROM rdscnfg.ext_file_load AS part
                WHERE part.parent_load_id = other.load_id
                    AND part.finished_at IS NULL
            )
        )
    ) AS is_under_way,
    other.forgotten_at IS NULL
    AND other.target_name IS NULL
    AND load.target_name IS NULL
    AND (
        other.loaded_at IS NOT NULL
        OR (
            other.state = 'split'
            AND other.only_record_type IS NULL
            AND NOT EXISTS (
                SELECT
                FROM rdscnfg.ext_file_load AS part
                WHERE part.parent_load_id = other.load_id
                    AND part.loaded_at IS NULL
                    AND NOT EXISTS (
                        SELECT
                        FROM rdscnfg.ext_file_load AS file
                        INNER JOIN rdscnfg.ext_file_load AS same_part
                            ON same_part.parent_load_id = file.load_id
                        WHERE file.bucket_name = other.bucket_name
                            AND file.object_key = other.object_key
                            AND file.etag = other.etag
                            AND file.size_bytes = other.size_bytes
                            AND file.forgotten_at IS NULL
                            AND same_part.record_type = part.record_type
                            AND same_part.loaded_at IS NOT NULL
                    )
            )
        )
    ) AS has_rows
FROM rdscnfg.ext_file_load AS load
INNER JOIN rdscnfg.ext_file_load AS other
    ON other.bucket_name = load.bucket_name
    AND other.object_key = load.object_key
    AND other.etag = load.etag
    AND other.size_bytes = load.size_bytes
    AND other.parent_load_id IS NULL
    AND other.load_id <> load.load_id
LEFT JOIN rdscnfg.ext_file_load AS carrier
    ON carrier.load_id = other.batch_id
WHERE load.load_id = $1
ORDER BY other.received_at DESC, other.load_id
LIMIT $2::bigint

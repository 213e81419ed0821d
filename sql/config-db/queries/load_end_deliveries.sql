-- delivering to complete or failed with its outcome on record, once, and only when each of its deliveries has ended.
UPDATE rdscnfg.ext_file_load AS load
SET
    error_code = $3::text,
    error = $4::text,
    loaded_at = CASE WHEN $2::text = 'complete' THEN $5::timestamptz END,
    archived_key = $7::text,
    remarks = load.remarks || $8::jsonb,
    concluded_at = $5::timestamptz,
    finished_at = $5::timestamptz,
    state = $2::text,
    state_at = $5::timestamptz,
    state_actor = $6::text,
    state_note = $3::text
WHERE load.load_id = $1
    AND load.state = 'delivering'
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS delivery
        WHERE delivery.parent_load_id = load.load_id
            AND delivery.finished_at IS NULL
    )

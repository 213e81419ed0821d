-- The gate that lets one outcome of a load onto the record: it opens once. With $2 a loaded load is complete at once.
-- Where the file lies now takes the place of where it was planned to go; $6 explains an error that is there.
UPDATE rdscnfg.ext_file_load
SET
    concluded_at = $3::timestamptz,
    archived_key = $5::text,
    error = CASE WHEN error IS NOT NULL THEN coalesce($6::text, error) END,
    remarks = remarks || $7::jsonb,
    finished_at = CASE
        WHEN $2::text IS NOT NULL OR state IN ('rejected', 'split', 'skipped', 'failed') THEN $3::timestamptz
    END,
    state_at = CASE WHEN $2::text IS NULL THEN state_at ELSE $3::timestamptz END,
    state_actor = CASE WHEN $2::text IS NULL THEN state_actor ELSE $4::text END,
    state_note = CASE WHEN $2::text IS NULL THEN state_note END,
    state = coalesce($2::text, state)
WHERE load_id = $1
    AND concluded_at IS NULL
    AND (
        ($2::text IS NULL AND state IN ('rejected', 'split', 'skipped', 'failed', 'loaded', 'transforming'))
        OR ($2::text IS NOT NULL AND state = 'loaded')
    )

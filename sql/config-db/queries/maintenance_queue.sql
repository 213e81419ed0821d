-- What a load left to be done to its table, once: its end may be told again.
INSERT INTO rdscnfg.ext_maintenance (
    load_id,
    kind,
    warehouse,
    tgt_schema_name,
    tgt_table_name,
    rows_deleted,
    place,
    queued_at,
    due_at
)
SELECT $1::uuid, step.kind, $2::text, $3::text, $4::text, $5::bigint, $6::jsonb, $7::timestamptz, $7::timestamptz
FROM (VALUES (1, 'vacuum'), (2, 'analyze')) AS step (place, kind)
ORDER BY step.place
ON CONFLICT (load_id, kind) DO NOTHING

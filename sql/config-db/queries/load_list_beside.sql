-- For each of these loads the newest other one of another content under the same key whose rows stand in the same table beside its own,
-- and whether there are more: of a part of a file those of the same records, of a delivery those of the same target. What a load replaced,
-- or an operator had forgotten, is left out. The rows of a batch have the batch's id; whether rows have one, plans say.
SELECT
    load.load_id,
    beside.load_id AS beside_load_id,
    beside.batch_id,
    beside.load_id_column,
    beside.are_more
FROM rdscnfg.ext_file_load AS load
LEFT JOIN rdscnfg.ext_file_load AS own_carrier
    ON own_carrier.load_id = load.batch_id
CROSS JOIN LATERAL (
    SELECT
        other.load_id,
        other.batch_id,
        coalesce(other.plan, carrier.plan) ->> 'load_id_column' AS load_id_column,
        count(*) OVER () > 1 AS are_more
    FROM rdscnfg.ext_file_load AS file
    INNER JOIN rdscnfg.ext_file_load AS other_file
        ON other_file.bucket_name = file.bucket_name
        AND other_file.object_key = file.object_key
        AND other_file.etag <> file.etag
        AND other_file.parent_load_id IS NULL
        AND other_file.forgotten_at IS NULL
    INNER JOIN rdscnfg.ext_file_load AS other
        ON (load.parent_load_id IS NULL AND other.load_id = other_file.load_id)
        OR (
            other.parent_load_id = other_file.load_id
            AND (other.record_type = load.record_type OR other.target_name = load.target_name)
        )
    LEFT JOIN rdscnfg.ext_file_load AS carrier
        ON carrier.load_id = other.batch_id
    WHERE file.load_id = coalesce(load.parent_load_id, load.load_id)
        AND other.loaded_at IS NOT NULL
        AND lower(other.tgt_schema_name) = lower(load.tgt_schema_name)
        AND lower(other.tgt_table_name) = lower(load.tgt_table_name)
        AND coalesce(other.plan, carrier.plan) -> 'warehouse' = coalesce(load.plan, own_carrier.plan) -> 'warehouse'
        AND NOT EXISTS (
            SELECT
            FROM rdscnfg.ext_file_load AS successor
            WHERE successor.replaces @> ARRAY[other.load_id]
                AND successor.replaces <> '{}'
                AND successor.loaded_at IS NOT NULL
        )
    ORDER BY other.loaded_at DESC, other.load_id
    LIMIT 1
) AS beside
WHERE load.load_id = ANY ($1::uuid[])

-- The loads whose rows a load of the same content takes the place of: of a whole file the whole files and their deliveries, of
-- a delivery the same, of a part the parts of its record type. Those whose place was taken already are left out, and what an
-- operator had forgotten. Where they went, their plans say, or that of the batch or set that carried them.
SELECT
    other.load_id,
    other.ext_file_config_sid,
    other.tgt_schema_name,
    other.tgt_table_name,
    coalesce(other.plan, carrier.plan) -> 'warehouse' AS warehouse,
    other.target_name,
    other.plan
FROM rdscnfg.ext_file_load AS load
INNER JOIN rdscnfg.ext_file_load AS file
    ON file.load_id = coalesce(load.parent_load_id, load.load_id)
INNER JOIN rdscnfg.ext_file_load AS other_file
    ON other_file.bucket_name = file.bucket_name
    AND other_file.object_key = file.object_key
    AND other_file.etag = file.etag
    AND other_file.size_bytes = file.size_bytes
    AND other_file.parent_load_id IS NULL
    AND other_file.forgotten_at IS NULL
    AND other_file.load_id <> file.load_id
INNER JOIN rdscnfg.ext_file_load AS other
    ON (load.record_type IS NULL AND other.load_id = other_file.load_id AND other.deliveries IS NULL)
    OR (load.record_type IS NULL AND other.parent_load_id = other_file.load_id AND other.target_name IS NOT NULL)
    OR (other.parent_load_id = other_file.load_id AND other.record_type = load.record_type)
LEFT JOIN rdscnfg.ext_file_load AS carrier
    ON carrier.load_id = other.batch_id
WHERE load.load_id = $1
    AND other.loaded_at IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS successor
        WHERE successor.replaces @> ARRAY[other.load_id]
            AND successor.replaces <> '{}'
            AND successor.loaded_at IS NOT NULL
    )
ORDER BY other.received_at, other.load_id
LIMIT $2::bigint

-- A load for a part of a file, or for its delivery to one of several targets, unless it is there. Its id is derived from its
-- parent's and the record type, or the target, so that every try makes the same. It is claimed as load_insert.sql says.
INSERT INTO rdscnfg.ext_file_load (
    load_id,
    parent_load_id,
    record_type,
    target_name,
    bucket_name,
    object_key,
    object_version,
    etag,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    rows_expected,
    received_at,
    claims
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $13, $12, $11, $13, 0)
ON CONFLICT DO NOTHING

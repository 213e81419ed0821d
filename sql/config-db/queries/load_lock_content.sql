-- Lets one transaction at a time decide which load of a content is under way; the lock ends with the transaction.
SELECT
    pg_advisory_xact_lock(
        hashtextextended(concat_ws(E'\n', load.bucket_name, load.object_key, load.etag), load.size_bytes)
    )::text AS locked
FROM rdscnfg.ext_file_load AS load
WHERE load.load_id = $1

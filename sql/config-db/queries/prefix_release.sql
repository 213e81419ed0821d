-- Lets go of a listing. With $4 it failed: the next try waits a minute, and twice as long each time up to about an hour.
UPDATE rdscnfg.ext_watched_prefix
SET
    lister = NULL,
    list_until = NULL,
    failures = CASE WHEN $4::text IS NULL THEN failures ELSE failures + 1 END,
    try_after = CASE
        WHEN $4::text IS NULL THEN try_after
        ELSE $5::timestamptz + power(2, least(failures, 6)) * interval '1 minute'
    END,
    error = coalesce($4::text, error)
WHERE bucket_name = $1
    AND prefix = $2
    AND lister = $3

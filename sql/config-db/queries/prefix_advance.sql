-- A page is compared: the listing goes on after $4, or ends its pass. No row is changed when another lists by now.
UPDATE rdscnfg.ext_watched_prefix
SET
    resume_after = $4,
    objects_seen = objects_seen + $5,
    objects_announced = objects_announced + $6,
    pass_ended_at = CASE WHEN $4::text IS NULL THEN $7::timestamptz END,
    failures = 0,
    try_after = NULL,
    error = NULL
WHERE bucket_name = $1
    AND prefix = $2
    AND lister = $3

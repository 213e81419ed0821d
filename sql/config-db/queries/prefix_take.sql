-- The listing of a prefix, for one lister until $4: where it goes on after. No row while another lists it, while a failed
-- try is not over, or when the last pass began after $6 and is done.
-- The race: two listers at once. The second waits for the first's row and then finds its list_until.
INSERT INTO rdscnfg.ext_watched_prefix AS watched (
    bucket_name,
    prefix,
    pass_began_at,
    lister,
    list_until
)
VALUES ($1, $2, $5, $3, $4)
ON CONFLICT (bucket_name, prefix)
DO UPDATE
SET
    lister = excluded.lister,
    list_until = excluded.list_until,
    pass_began_at = CASE WHEN watched.pass_ended_at IS NULL THEN watched.pass_began_at ELSE excluded.pass_began_at END,
    resume_after = CASE WHEN watched.pass_ended_at IS NULL THEN watched.resume_after END,
    objects_seen = CASE WHEN watched.pass_ended_at IS NULL THEN watched.objects_seen ELSE 0 END,
    objects_announced = CASE WHEN watched.pass_ended_at IS NULL THEN watched.objects_announced ELSE 0 END,
    pass_ended_at = NULL
WHERE (watched.lister IS NULL OR watched.lister = $3 OR watched.list_until <= $5)
    AND (watched.try_after IS NULL OR watched.try_after <= $5)
    AND (watched.pass_ended_at IS NULL OR watched.pass_began_at <= $6)
RETURNING watched.resume_after

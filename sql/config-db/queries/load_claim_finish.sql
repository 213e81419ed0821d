-- The finishing function takes the lease of a load that has something left to do. It may take it from the preparing
-- function, alive or not: a status event proves that the submission happened. It may not take it from another
-- finishing function whose lease lives. A finishing function that never gave its lease back died: they are counted.
UPDATE rdscnfg.ext_file_load
SET
    claims = claims + 1,
    deaths = deaths + coalesce(lease_step = 'finish', false)::integer,
    lease_owner = $2,
    lease_step = $3,
    lease_until = $4
WHERE load_id = $1
    AND finished_at IS NULL
    AND (
        lease_owner IS NULL
        OR lease_owner = $2
        OR lease_step = 'prepare'
        OR lease_until <= $5
    )

-- Takes the lease of the load that an announced object has. load_insert.sql made it, or met it.
-- The lease is taken while there is preparing left to do (up to queued, or an outcome not yet on record) and the lease is
-- free, has run out, or is its own: an invocation is retried under the same id. A lease that was not given back is that of an
-- invocation that died: they are counted. claims = 1 tells who made the load.
-- No INSERT … ON CONFLICT DO UPDATE: it looks for the row without a snapshot and may miss one that is updated meanwhile; it
-- then inserts, and fails by the primary key. An UPDATE follows a row through its versions.
UPDATE rdscnfg.ext_file_load AS load
SET
    claims = load.claims + 1,
    (lease_owner, lease_step, lease_until, deaths) = (
        SELECT
            held.lease_owner,
            held.lease_step,
            held.lease_until,
            held.deaths
        FROM (
            VALUES
                (
                    true,
                    $6::text,
                    $7::text,
                    $8::timestamptz,
                    load.deaths + (load.lease_owner IS NOT NULL)::integer
                ),
                (false, load.lease_owner, load.lease_step, load.lease_until, load.deaths)
        ) AS held (is_ours, lease_owner, lease_step, lease_until, deaths)
        WHERE held.is_ours = (
            (
                load.state IN ('received', 'delivering', 'prepared', 'queued')
                OR (load.state IN ('rejected', 'split', 'skipped', 'failed') AND load.concluded_at IS NULL)
            )
            AND (
                load.lease_owner IS NULL
                OR load.lease_owner = $6::text
                OR load.lease_until <= $9::timestamptz
            )
        )
    )
WHERE load.bucket_name = $1
    AND load.object_key = $2
    AND coalesce(load.object_version, load.etag, '') = coalesce($3::text, $4::text, '')
    AND coalesce(load.sequencer, '') = coalesce($5::text, '')
    AND load.parent_load_id IS NULL
RETURNING load.load_id

-- The first delivery of an object makes its load; every repeat finds it, and takes the lease only if it is free.
-- The race: two deliveries at once both find nothing. The unique index ext_file_load_identity makes the second insert
-- wait for the first to commit, and ON CONFLICT then shows it the committed row, lease and all. So one of them makes
-- the load, and the other sees a lease that lives. claims = 1 tells the maker.
-- A repeat takes the lease while there is preparing left to do (up to queued, or an outcome not yet on record) and
-- the lease is free, has run out, or is its own: an invocation is retried under the same id. A lease that was not given
-- back is that of an invocation that died: they are counted.
INSERT INTO rdscnfg.ext_file_load AS load (
    load_id,
    bucket_name,
    object_key,
    object_version,
    etag,
    sequencer,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    lease_owner,
    lease_step,
    lease_until,
    received_at,
    queue_name,
    announced_captures,
    trace_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $12, $9, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (bucket_name, object_key, coalesce(object_version, etag, ''), coalesce(sequencer, ''))
    WHERE parent_load_id IS NULL
DO UPDATE
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
                    excluded.lease_owner,
                    excluded.lease_step,
                    excluded.lease_until,
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
                OR load.lease_owner = excluded.lease_owner
                OR load.lease_until <= excluded.received_at
            )
        )
    )
RETURNING load.load_id

-- The first try at splitting or delivering makes the child's load; every repeat finds it, and takes the lease only if it is
-- free. The race is that of load_claim.sql. Here the primary key settles it: a child's id is derived from its parent's and
-- the record type, or the target, so that every try claims the same children.
INSERT INTO rdscnfg.ext_file_load AS load (
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
    lease_owner,
    lease_step,
    lease_until,
    received_at
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $15, $12, $11, $12, $13, $14, $15
)
ON CONFLICT (load_id)
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

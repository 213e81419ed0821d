-- Takes the lease of a load that is on the ledger, by its id, under the conditions of load_claim.sql. No row when there is
-- no such load.
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
                    $2::text,
                    $3::text,
                    $4::timestamptz,
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
                OR load.lease_owner = $2::text
                OR load.lease_until <= $5::timestamptz
            )
        )
    )
WHERE load.load_id = $1
RETURNING load.load_id

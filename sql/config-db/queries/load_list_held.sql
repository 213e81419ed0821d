-- The loads that invocation $1 prepares beside load $2, when it is one that moved that load: then this is its repetition, and it
-- died with them in its hands. For any other invocation the loads under way are not looked through.
SELECT held.load_id
FROM rdscnfg.ext_file_load AS held
WHERE held.finished_at IS NULL
    AND held.load_id <> $2
    AND held.lease_owner = $1
    AND held.lease_step = 'prepare'
    AND EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load_history AS moved
        WHERE moved.load_id = $2
            AND moved.actor = $1
    )
ORDER BY held.load_id

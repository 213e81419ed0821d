-- The load that a paused warehouse is tried by next is due at once: the one that load_take_unsettled.sql lets through.
UPDATE rdscnfg.ext_file_load AS load
SET due_at = least(load.due_at, $2)
WHERE load.load_id = (
        SELECT waiting.load_id
        FROM rdscnfg.ext_file_load AS waiting
        WHERE waiting.waits_for = $1
            AND (waiting.lease_until IS NULL OR waiting.lease_until <= $2)
        ORDER BY
            waiting.due_at,
            waiting.load_id
        LIMIT 1
    )
    AND load.waits_for = $1
RETURNING load.load_id

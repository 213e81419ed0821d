-- The next load that nobody works on and that is not done, for one look at it. The one that was left alone longest comes
-- first, so no load keeps another from its turn; one that was looked at in vain waits twice as long each time, up to
-- eight times $3. An object that a listing found and a replay have nobody on the way and need not wait. A load that waits
-- is left alone until it is due, and of those that wait for a paused warehouse one is taken when that one may be tried
-- again. Without $4 none is taken that is still to be prepared. What waits for a batch, or is in one, goes on with that.
-- The race: two reconcilers at once. Each skips the row that the other has locked, and once the lock is gone looked_at is
-- the other's: PostgreSQL checks the conditions again on the newest row before it gives a lock.
WITH next AS (
    SELECT candidate.load_id
    FROM rdscnfg.ext_file_load AS candidate
    WHERE candidate.finished_at IS NULL
        AND candidate.state <> 'batched'
        AND candidate.batch_id IS NULL
        AND (candidate.lease_until IS NULL OR candidate.lease_until <= $1)
        AND (candidate.looked_at IS NULL OR candidate.looked_at < $2)
        AND ($4 OR candidate.state <> 'received')
        AND (
            (
                (candidate.listed_at IS NOT NULL OR candidate.replays_load_id IS NOT NULL)
                AND candidate.state = 'received'
                AND candidate.looked_at IS NULL
            )
            OR (
                coalesce(candidate.due_at, candidate.state_at + make_interval(secs => $3)) <= $1
                AND (
                    candidate.looked_at IS NULL
                    OR candidate.looked_at < coalesce(candidate.due_at, candidate.state_at)
                    OR candidate.looked_at
                        <= $1 - make_interval(secs => $3 * power(2, least(candidate.looks - 1, 3)))
                )
            )
        )
        AND NOT EXISTS (
            SELECT
            FROM rdscnfg.ext_warehouse AS warehouse
            WHERE warehouse.warehouse = candidate.waits_for
                AND warehouse.paused_at IS NOT NULL
                AND (
                    warehouse.probe_at > $1
                    OR candidate.load_id <> (
                        SELECT waiting.load_id
                        FROM rdscnfg.ext_file_load AS waiting
                        WHERE waiting.waits_for = warehouse.warehouse
                            AND (waiting.lease_until IS NULL OR waiting.lease_until <= $1)
                        ORDER BY
                            waiting.due_at,
                            waiting.load_id
                        LIMIT 1
                    )
                )
        )
    ORDER BY
        greatest(candidate.looked_at, coalesce(candidate.due_at, candidate.state_at)),
        candidate.load_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE rdscnfg.ext_file_load AS load
SET
    looks = CASE WHEN load.looked_at >= coalesce(load.due_at, load.state_at) THEN load.looks + 1 ELSE 1 END,
    looked_at = $1
FROM next
WHERE load.load_id = next.load_id
RETURNING load.load_id

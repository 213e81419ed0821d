-- Loads that are on the ledger and not in the warehouse, and that were loaded again since that was found, need nobody any more: such a
-- load itself, or of a batch each of its files. Their markers never come back, so the next comparison must not find them anew: what
-- is settled so stays settled.
WITH
lost AS (
    SELECT
        difference.load_id,
        difference.found_at,
        load.load_id AS file_load_id,
        load.parent_load_id,
        load.batch_id
    FROM rdscnfg.ext_marker_difference AS difference
    INNER JOIN rdscnfg.ext_file_load AS whole
        ON whole.load_id = difference.load_id
    INNER JOIN rdscnfg.ext_file_load AS load
        ON (whole.batch_files IS NULL AND load.load_id = difference.load_id)
        OR (whole.batch_files IS NOT NULL AND load.batch_id = difference.load_id)
    WHERE difference.settled_at IS NULL
        AND difference.kind = 'load_without_marker'
),
again AS (
    SELECT
        lost.load_id,
        lost.batch_id,
        replay.load_id AS replayed_as
    FROM lost
    LEFT JOIN LATERAL (
        SELECT candidate.load_id
        FROM rdscnfg.ext_file_load AS candidate
        WHERE candidate.replays_load_id = ANY (ARRAY[lost.file_load_id, lost.parent_load_id])
            AND candidate.received_at >= lost.found_at
            AND (
                candidate.state = 'complete'
                OR (
                    candidate.state = 'split'
                    AND NOT EXISTS (
                        SELECT
                        FROM rdscnfg.ext_file_load AS part
                        WHERE part.parent_load_id = candidate.load_id
                            AND part.state <> 'complete'
                    )
                )
            )
        ORDER BY candidate.received_at DESC, candidate.load_id
        LIMIT 1
    ) AS replay ON true
),
mended AS (
    SELECT
        again.load_id,
        CASE WHEN bool_or(again.batch_id = again.load_id) THEN 'file by file' ELSE 'as load ' || min(again.replayed_as::text) END AS note
    FROM again
    GROUP BY again.load_id
    HAVING bool_and(again.replayed_as IS NOT NULL)
)
UPDATE rdscnfg.ext_marker_difference AS difference
SET
    settled_at = $1,
    settled_by = $2,
    settled_as = 'replayed',
    note = mended.note
FROM mended
WHERE difference.load_id = mended.load_id
    AND difference.kind = 'load_without_marker'
    AND difference.settled_at IS NULL

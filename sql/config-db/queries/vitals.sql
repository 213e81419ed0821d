-- How the work stands at this moment: what is under way, what waits, and how long for. Reads indexes of open rows alone.
-- What waits as it was told to is nobody's trouble, and not the oldest: what waits for a rule that an operator paused (no retry
-- either, nor is it one when a load waits for its turn at its table), a set that lacks files, a buffer before it is due. Once its
-- rule is resumed, or its follow-up is run again, a load is as old as that. A file in a batch is as old as the batch, and one that
-- goes to many warehouses as its deliveries, then as the end of the last.
SELECT
    (SELECT count(*) FROM rdscnfg.ext_file_load AS load WHERE load.finished_at IS NULL) AS unfinished,
    (
        SELECT
            extract(
                epoch FROM $1::timestamptz - least(
                    (
                        SELECT min(coalesce(load.resumed_at, load.received_at))
                        FROM rdscnfg.ext_file_load AS load
                        WHERE load.finished_at IS NULL
                            AND load.batch_id IS NULL
                            AND load.state NOT IN ('batched', 'delivering')
                            AND load.waits_for LIKE 'rule %' IS NOT TRUE
                    ),
                    (
                        SELECT
                            min((
                                SELECT coalesce(batch.resumed_at, batch.received_at)
                                FROM rdscnfg.ext_file_load AS batch
                                WHERE batch.load_id = load.batch_id
                            ))
                        FROM rdscnfg.ext_file_load AS load
                        WHERE load.finished_at IS NULL
                            AND load.batch_id IS NOT NULL
                    ),
                    (
                        SELECT min(due.since)
                        FROM (
                            SELECT
                                least(
                                    buffer.flush_at,
                                    CASE
                                        WHEN buffer.group_name IS NULL
                                            THEN buffer.first_at + make_interval(secs => buffer.max_seconds)
                                    END
                                ) AS since
                            FROM rdscnfg.ext_load_buffer AS buffer
                            WHERE buffer.files > 0
                        ) AS due
                        WHERE due.since <= $1::timestamptz
                    ),
                    (
                        SELECT min(ended.since)
                        FROM (
                            SELECT coalesce(max(delivery.finished_at), load.received_at) AS since
                            FROM rdscnfg.ext_file_load AS load
                            LEFT JOIN rdscnfg.ext_file_load AS delivery
                                ON delivery.parent_load_id = load.load_id
                            WHERE load.finished_at IS NULL
                                AND load.state = 'delivering'
                            GROUP BY load.load_id
                            HAVING bool_and(delivery.load_id IS NULL OR delivery.finished_at IS NOT NULL)
                        ) AS ended
                    )
                )
            )::float8
    ) AS oldest_unfinished_seconds,
    (
        SELECT count(*)
        FROM rdscnfg.ext_file_load AS load
        WHERE load.due_at IS NOT NULL
            AND load.waits_for LIKE 'rule %' IS NOT TRUE
            AND load.waits_for LIKE 'table %' IS NOT TRUE
    ) AS waiting_retries,
    (SELECT count(*) FROM rdscnfg.ext_file_late AS late WHERE late.settled_at IS NULL) AS late_periods,
    (SELECT count(*) FROM rdscnfg.ext_warehouse AS warehouse WHERE warehouse.paused_at IS NOT NULL) AS paused_warehouses,
    (
        SELECT count(*)
        FROM rdscnfg.ext_marker_difference AS difference
        WHERE difference.settled_at IS NULL
    ) AS marker_differences,
    (
        SELECT extract(epoch FROM $1::timestamptz - min(outbox.created_at))::float8
        FROM rdscnfg.ext_outbox AS outbox
        WHERE outbox.sent_at IS NULL
    ) AS oldest_unsent_seconds

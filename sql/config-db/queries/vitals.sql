-- How the work stands at this moment: what is under way, what waits, and how long for. Reads indexes of open rows alone.
-- What waits for a rule that an operator paused is nobody's trouble: it is neither the oldest nor a retry. Nor is it a retry when
-- a load waits for its turn at its table.
SELECT
    (SELECT count(*) FROM rdscnfg.ext_file_load AS load WHERE load.finished_at IS NULL) AS unfinished,
    (
        SELECT extract(epoch FROM $1::timestamptz - min(load.received_at))::float8
        FROM rdscnfg.ext_file_load AS load
        WHERE load.finished_at IS NULL
            AND load.waits_for LIKE 'rule %' IS NOT TRUE
    ) AS oldest_unfinished_seconds,
    (
        SELECT count(*)
        FROM rdscnfg.ext_file_load AS load
        WHERE load.due_at IS NOT NULL
            AND load.waits_for LIKE 'rule %' IS NOT TRUE
            AND load.waits_for LIKE 'table %' IS NOT TRUE
    ) AS waiting_retries,
    (SELECT count(*) FROM rdscnfg.ext_warehouse AS warehouse WHERE warehouse.paused_at IS NOT NULL) AS paused_warehouses,
    (
        SELECT extract(epoch FROM $1::timestamptz - min(outbox.created_at))::float8
        FROM rdscnfg.ext_outbox AS outbox
        WHERE outbox.sent_at IS NULL
    ) AS oldest_unsent_seconds

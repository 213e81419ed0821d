-- What finished within these whole minutes, by minute and state: the same question about the same minutes gets the same answer.
-- Files that were split count by their parts, and those that went to several warehouses by their deliveries.
SELECT
    date_trunc('minute', load.finished_at) AS minute,
    load.state,
    count(*) AS loads,
    coalesce(sum(load.rows_loaded), 0)::bigint AS rows,
    coalesce(sum(load.size_bytes), 0)::bigint AS bytes,
    (avg(load.prepare_duration_ms) / 1000)::float8 AS prepare_seconds,
    avg(extract(epoch FROM load.loaded_at - load.submitted_at))::float8 AS warehouse_seconds,
    avg(extract(epoch FROM load.finished_at - load.loaded_at))::float8 AS settle_seconds
FROM rdscnfg.ext_file_load AS load
WHERE load.finished_at >= $1
    AND load.finished_at < $2
    AND load.state <> 'split'
    AND load.deliveries IS NULL
GROUP BY
    date_trunc('minute', load.finished_at),
    load.state
ORDER BY
    minute,
    load.state

-- How the tables of snapshot rules with a schedule stand, of one rule or of all, those that are due first, at most $2.
SELECT
    standing.ext_file_config_sid,
    standing.tgt_table_name,
    standing.in_operation,
    standing.schedule,
    standing.planned_for,
    standing.due_at,
    standing.starting_load_id,
    standing.starting_date,
    standing.began_at,
    standing.ended_at,
    standing.outcome,
    standing.rule_version,
    standing.data_date,
    standing.load_id,
    standing.load_date,
    load.state AS load_state,
    standing.loaded_date,
    standing.error,
    standing.failures
FROM rdscnfg.ext_snapshot_schedule AS standing
LEFT JOIN rdscnfg.ext_file_load AS load
    ON load.load_id = standing.load_id
WHERE $1::integer IS NULL
    OR standing.ext_file_config_sid = $1::integer
ORDER BY
    standing.due_at,
    standing.ext_file_config_sid,
    standing.tgt_table_name
LIMIT $2

-- How many files of a rule stand in which state, each by its newest load: one that failed and was replayed counts by its replay.
-- What was put on the ledger just now has no rule yet, but the queue that the rule takes files by.
WITH
rule_load AS (
    SELECT
        load.bucket_name,
        load.object_key,
        load.received_at,
        load.load_id,
        load.state
    FROM rdscnfg.ext_file_load AS load
    WHERE load.ext_file_config_sid = $1
        AND load.batch_files IS NULL
        AND load.parent_load_id IS NULL
    UNION ALL
    SELECT
        load.bucket_name,
        load.object_key,
        load.received_at,
        load.load_id,
        load.state
    FROM rdscnfg.ext_file_config AS config
    INNER JOIN rdscnfg.ext_file_load AS load
        ON load.queue_name = config.queue_name
    WHERE config.ext_file_config_sid = $1
        AND load.ext_file_config_sid IS NULL
        AND load.state = 'received'
        AND load.parent_load_id IS NULL
),

newest AS (
    SELECT DISTINCT ON (rule_load.bucket_name, rule_load.object_key)
        rule_load.state
    FROM rule_load
    ORDER BY
        rule_load.bucket_name,
        rule_load.object_key,
        rule_load.received_at DESC,
        rule_load.load_id DESC
)

SELECT
    newest.state,
    count(*) AS files
FROM newest
GROUP BY newest.state

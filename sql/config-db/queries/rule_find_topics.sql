-- The topics that a rule names, whether it is in operation or not: what happened is told where its rule says.
SELECT
    config.success_topic_arn,
    config.failure_topic_arn
FROM rdscnfg.ext_file_config AS config
WHERE config.ext_file_config_sid = $1

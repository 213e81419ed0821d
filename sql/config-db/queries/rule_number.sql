-- The next free numbers of a rule and of a column of a rule.
SELECT
    (
        SELECT coalesce(max(config.ext_file_config_sid), 0) + 1
        FROM rdscnfg.ext_file_config AS config
    ) AS rule,
    (
        SELECT coalesce(max(detail.ext_file_config_dtl_sid), 0) + 1
        FROM rdscnfg.ext_file_config_dtl AS detail
    ) AS detail

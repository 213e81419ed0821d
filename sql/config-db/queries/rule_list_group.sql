-- The rules of a group that are in operation.
SELECT config.ext_file_config_sid
FROM rdscnfg.ext_file_config AS config
WHERE lower(config.load_group) = lower($1)
    AND config.oprtnl_flag = 'A'
ORDER BY config.ext_file_config_sid

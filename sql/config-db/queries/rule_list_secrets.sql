-- The secrets with the keys of encrypted files that rules in operation name, each with the first of its rules and how many there are.
SELECT
    btrim(config.encryption_secret) AS encryption_secret,
    min(config.ext_file_config_sid) AS first_rule,
    count(*) AS rules
FROM rdscnfg.ext_file_config AS config
INNER JOIN rdscnfg.ext_interface AS interface
    ON interface.ext_interface_cid = config.ext_interface_cid
WHERE config.oprtnl_flag = 'A'
    AND interface.oprtnl_flag = 'A'
    AND btrim(config.encryption_secret) <> ''
GROUP BY btrim(config.encryption_secret)
ORDER BY btrim(config.encryption_secret)
LIMIT $1::bigint

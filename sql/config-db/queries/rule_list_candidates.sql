-- The rules that a file may fall under, each by an index: those of its token $1, those whose keys all begin as its key $2 does
-- (see ext_rule_key_prefix), and those that take what its queue $3 brings. None is missing that takes it; which of them
-- does is not asked here. With one of the three NULL, that way of finding rules is left out.
SELECT config.ext_file_config_sid
FROM rdscnfg.ext_file_config AS config
WHERE config.oprtnl_flag = 'A'
    AND (
        rtrim(btrim(config.file_prefix::text, E' \t\r\n'), '.') = $1::text
        OR rdscnfg.ext_rule_key_prefix(config.key_pattern::text, config.key_regex::text) = ANY (
            ARRAY(
                SELECT left($2::text, beginning.length)
                FROM generate_series(0, least(length($2::text), 255)) AS beginning (length)
            )
        )
        OR (
            config.queue_name IS NOT NULL
            AND regexp_replace(btrim(config.queue_name::text, E' \t\r\n'), '^arn:.*:', '') = $3::text
        )
    )

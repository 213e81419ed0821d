-- Every version of a rule, the newest first, at most $2.
SELECT
    kept.version,
    kept.content,
    kept.since,
    kept.changed_by,
    kept.reason
FROM rdscnfg.ext_file_config_version AS kept
WHERE kept.ext_file_config_sid = $1
ORDER BY kept.version DESC
LIMIT $2::bigint

-- One version of a rule.
SELECT
    kept.version,
    kept.content,
    kept.since,
    kept.changed_by,
    kept.reason
FROM rdscnfg.ext_file_config_version AS kept
WHERE kept.ext_file_config_sid = $1
    AND kept.version = $2

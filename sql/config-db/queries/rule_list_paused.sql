-- The rules in operation that are paused: since which version without a break, who made it and why, and how many loads wait.
SELECT
    config.ext_file_config_sid,
    config.paused_note,
    pause.since,
    pause.changed_by,
    (
        SELECT count(*)
        FROM rdscnfg.ext_file_load AS load
        WHERE load.waits_for = 'rule ' || config.ext_file_config_sid
    ) AS waiting
FROM rdscnfg.ext_file_config AS config
LEFT JOIN LATERAL (
    SELECT
        kept.since,
        kept.changed_by
    FROM rdscnfg.ext_file_config_version AS kept
    WHERE kept.ext_file_config_sid = config.ext_file_config_sid
        AND (kept.content ->> 'paused')::boolean
        AND NOT EXISTS (
            SELECT
            FROM rdscnfg.ext_file_config_version AS later
            WHERE later.ext_file_config_sid = kept.ext_file_config_sid
                AND later.version > kept.version
                AND NOT coalesce((later.content ->> 'paused')::boolean, false)
        )
    ORDER BY kept.version
    LIMIT 1
) AS pause ON true
WHERE config.paused
    AND config.oprtnl_flag = 'A'
ORDER BY config.ext_file_config_sid
LIMIT $1::bigint

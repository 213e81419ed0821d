-- A failure that people have not been told of, nobody else's until $2: when it is not told by then it is tried again.
-- The race: two tellers at once. The second skips the locked row, and afterwards finds it told or put off.
WITH next AS (
    SELECT
        candidate.ext_file_config_sid,
        candidate.tgt_table_name
    FROM rdscnfg.ext_snapshot_schedule AS candidate
    WHERE candidate.tell_at <= $1
    ORDER BY candidate.tell_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE rdscnfg.ext_snapshot_schedule AS standing
SET tell_at = $2
FROM next
INNER JOIN rdscnfg.ext_file_config AS config
    ON config.ext_file_config_sid = next.ext_file_config_sid
LEFT JOIN rdscnfg.ext_interface AS interface
    ON interface.ext_interface_cid = config.ext_interface_cid
WHERE standing.ext_file_config_sid = next.ext_file_config_sid
    AND standing.tgt_table_name = next.tgt_table_name
RETURNING
    standing.ext_file_config_sid,
    standing.tgt_table_name,
    config.tgt_schema_name,
    config.ext_interface_cid::text AS ext_interface_cid,
    interface.interface_name,
    config.failure_topic_arn,
    standing.error

-- People were told of the failure $3. One that came since is told by itself.
UPDATE rdscnfg.ext_snapshot_schedule
SET
    told_error = $3,
    tell_at = CASE WHEN error IS DISTINCT FROM $3 THEN tell_at END
WHERE ext_file_config_sid = $1
    AND tgt_table_name = $2

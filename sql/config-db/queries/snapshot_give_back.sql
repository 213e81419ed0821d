-- The runner $3 broke off, and keeps the table until $4 at most: what it noted stays for whoever takes the table then. No row is
-- changed when another runner has it by now.
UPDATE rdscnfg.ext_snapshot_schedule
SET run_until = least(run_until, $4)
WHERE ext_file_config_sid = $1
    AND tgt_table_name = $2
    AND runner = $3

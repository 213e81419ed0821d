-- Says which load the runner $3 is about to put on the ledger, and the date of its data. No row is changed when another one has the table by now.
UPDATE rdscnfg.ext_snapshot_schedule
SET
    starting_load_id = $4,
    starting_date = $5
WHERE ext_file_config_sid = $1
    AND tgt_table_name = $2
    AND runner = $3

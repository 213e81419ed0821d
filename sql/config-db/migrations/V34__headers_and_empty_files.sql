-- Headers of several records, and files without any.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS header_records integer,
    ADD COLUMN IF NOT EXISTS empty_file_policy text;

COMMENT ON COLUMN rdscnfg.ext_file_config.header_records IS
    'With header_flag Y: how many records the header has, of which the last one names the columns; 1 when empty.';
COMMENT ON COLUMN rdscnfg.ext_file_config.empty_file_policy IS
    'What is done about a file without records: refuse (also when empty), or accept, which loads it as 0 rows.';

-- Writes whole rows of columns of rules: $1 names the fields, $2 is an array of the rows.
SELECT rdscnfg.ext_rule_rows_write('rdscnfg.ext_file_config_dtl'::regclass, 'ext_file_config_dtl_sid', $1, $2)

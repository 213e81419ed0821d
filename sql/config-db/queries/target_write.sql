-- Writes whole rows of targets: $1 names the fields, $2 is an array of the rows.
SELECT rdscnfg.ext_rule_rows_write('rdscnfg.ext_target'::regclass, 'ext_target_sid', $1, $2)

-- Writes whole rows of interfaces: $1 names the fields, $2 is an array of the rows.
SELECT rdscnfg.ext_rule_rows_write('rdscnfg.ext_interface'::regclass, 'ext_interface_cid', $1, $2)

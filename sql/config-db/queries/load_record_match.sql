-- Puts the rule of a load on record, while it has not been prepared yet. What was said of the load when it came counts for its
-- captures too.
UPDATE rdscnfg.ext_file_load
SET
    ext_file_config_sid = $2,
    ext_interface_cid = $3::text::numeric,
    interface_name = $4,
    tgt_schema_name = $5,
    tgt_table_name = $6,
    captures = announced_captures || $7::jsonb,
    file_stays = $8,
    rule_version = $9
WHERE load_id = $1
    AND state = 'received'

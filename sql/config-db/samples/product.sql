-- 703: a gzipped CSV file whose header names the columns, in any order.
INSERT INTO rdscnfg.ext_interface (
    ext_interface_cid,
    interface_name,
    interface_desc,
    oprtnl_flag,
    created_date,
    modified_date
)
VALUES (703, 'PRODUCT', 'Product descriptions', 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
ON CONFLICT DO NOTHING;

INSERT INTO rdscnfg.ext_file_config (
    ext_file_config_sid,
    ext_interface_cid,
    tgt_schema_name,
    tgt_table_name,
    file_prefix,
    file_format,
    file_type,
    delimiter,
    header_flag,
    trailer_flag,
    query,
    split_file_flag,
    split_prefix,
    escape_char,
    trailer_pstn,
    oprtnl_flag,
    created_date,
    modified_date,
    compression,
    header_policy,
    load_id_column
)
VALUES (
    75, 703, 'rdsftetl', 'product', '703.', 'csv', 'gz', ',', 'Y', 'N',
    NULL,
    'N', NULL, NULL, NULL, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'gzip', 'names', 'load_id'
)
ON CONFLICT DO NOTHING;

INSERT INTO rdscnfg.ext_file_config_dtl (
    ext_file_config_dtl_sid,
    ext_file_config_sid,
    column_name,
    column_width_fixed,
    column_order_sqnc,
    oprtnl_flag,
    created_date,
    modified_date
)
VALUES
    (7501, 75, 'product_id', NULL, 1, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7502, 75, 'product_name', NULL, 2, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7503, 75, 'description', NULL, 3, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
ON CONFLICT DO NOTHING;

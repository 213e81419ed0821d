-- 701: a pipe-delimited price list whose last record counts the others; characters 5 to 12 of it hold the count.
INSERT INTO rdscnfg.ext_interface (
    ext_interface_cid,
    interface_name,
    interface_desc,
    oprtnl_flag,
    created_date,
    modified_date
)
VALUES (701, 'PHARMACY_PRICE', 'Drug prices by type and period', 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
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
    load_id_column
)
VALUES (
    71, 701, 'rdsftetl', 'pharmacy_price', '701.', 'txt', 'txt', '|', 'N', 'Y',
    'call rdsftorchestration.execute_sql_from_table(''rdsftcore'', ''pharmacy_price'', ''2020-01-01 00:00:00'', ''2100-01-01 00:00:00'');',
    'N', NULL, NULL, '5:13', 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'load_id'
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
    (7101, 71, 'ndc', NULL, 1, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7102, 71, 'price_type', NULL, 2, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7103, 71, 'unit_price', NULL, 3, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7104, 71, 'effective_date', NULL, 4, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7105, 71, 'expiry_date', NULL, 5, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
ON CONFLICT DO NOTHING;

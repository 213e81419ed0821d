-- 702: shipment headers (HD) and lines (DT) in one pipe-delimited file, cut by record type into two loads.
INSERT INTO rdscnfg.ext_interface (
    ext_interface_cid,
    interface_name,
    interface_desc,
    oprtnl_flag,
    created_date,
    modified_date
)
VALUES (702, 'SHIPMENT', 'Shipments with their lines', 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
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
VALUES
    (
        72, 702, NULL, NULL, '702.', 'txt', 'txt', '|', 'N', 'N',
        NULL,
        'Y', 'HD,DT', NULL, NULL, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, NULL
    ),
    (
        73, 702, 'rdsftetl', 'shipment_header', '702-HD.', 'txt', 'txt', '|', 'N', 'N',
        'call rdsftorchestration.execute_sql_from_table(''rdsftcore'', ''shipment'', ''2020-01-01 00:00:00'', ''2100-01-01 00:00:00'');',
        'N', NULL, NULL, NULL, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'load_id'
    ),
    (
        74, 702, 'rdsftetl', 'shipment_line', '702-DT.', 'txt', 'txt', '|', 'N', 'N',
        'call rdsftorchestration.execute_sql_from_table(''rdsftcore'', ''shipment'', ''2020-01-01 00:00:00'', ''2100-01-01 00:00:00'');',
        'N', NULL, NULL, NULL, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'load_id'
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
    (7301, 73, 'record_type', NULL, 1, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7302, 73, 'shipment_id', NULL, 2, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7303, 73, 'ship_date', NULL, 3, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7304, 73, 'carrier', NULL, 4, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7401, 74, 'record_type', NULL, 1, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7402, 74, 'shipment_id', NULL, 2, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7403, 74, 'line_no', NULL, 3, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7404, 74, 'item', NULL, 4, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    (7405, 74, 'quantity', NULL, 5, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
ON CONFLICT DO NOTHING;

-- Moves the new shipments and lines of a window: good rows to core, bad rows to the error tables. Headers and lines of one
-- file are loads of their own and may come in either order, so neither waits for the other.
INSERT INTO rdsftorchestration.job_config_sqls (schema_name, table_name, serial_no, sql_command)
VALUES
    ('rdsftcore', 'shipment', 1, 'LOCK TABLE rdsftcore.shipment, rdsftcore.shipment_line'),
    ('rdsftcore', 'shipment', 2, 'DROP TABLE IF EXISTS shipment_header_new'),
    ('rdsftcore', 'shipment', 3, 'CREATE TEMP TABLE shipment_header_new AS
SELECT
    s.record_type,
    s.shipment_id,
    s.ship_date,
    s.carrier,
    s.file_name,
    s.load_id,
    s.target_transaction_timestamp,
    CASE
        WHEN COALESCE(TRIM(s.shipment_id), '''') = '''' THEN ''shipment_id is blank''
        WHEN COALESCE(TRIM(s.ship_date), '''') = '''' THEN ''ship_date is blank''
        WHEN rdsftetl.fn_chk_date(s.ship_date, ''%Y%m%d'') = 1 THEN ''ship_date is no date''
        WHEN LENGTH(s.ship_date) <> 8 THEN ''ship_date is not written YYYYMMDD''
    END AS error_reason
FROM rdsftetl.shipment_header s
WHERE s.target_transaction_timestamp BETWEEN '' p_etl_from_timestamp '' AND '' p_etl_to_timestamp ''
    AND NOT EXISTS (
        SELECT 1
        FROM rdsftcore.shipment_moved m
        WHERE m.load_id = s.load_id
    )'),
    ('rdsftcore', 'shipment', 4, 'INSERT INTO rdsftetl.shipment_header_error (record_type, shipment_id, ship_date, carrier, file_name, target_transaction_timestamp, error_reason)
SELECT record_type, shipment_id, ship_date, carrier, file_name, target_transaction_timestamp, error_reason
FROM shipment_header_new
WHERE error_reason IS NOT NULL'),
    ('rdsftcore', 'shipment', 5, 'DELETE FROM rdsftcore.shipment
USING shipment_header_new n
WHERE n.error_reason IS NULL
    AND rdsftcore.shipment.shipment_id = n.shipment_id'),
    ('rdsftcore', 'shipment', 6, 'INSERT INTO rdsftcore.shipment (shipment_id, ship_date, carrier, file_name, target_transaction_timestamp)
SELECT shipment_id, ship_date, carrier, file_name, target_transaction_timestamp
FROM (
    SELECT
        shipment_id,
        CASE WHEN error_reason IS NULL THEN TO_DATE(ship_date, ''YYYYMMDD'') END AS ship_date,
        carrier,
        file_name,
        target_transaction_timestamp,
        ROW_NUMBER() OVER (
            PARTITION BY shipment_id
            ORDER BY target_transaction_timestamp DESC, load_id DESC
        ) AS recency
    FROM shipment_header_new
    WHERE error_reason IS NULL
) newest
WHERE recency = 1'),
    ('rdsftcore', 'shipment', 7, 'INSERT INTO rdsftcore.shipment_moved (load_id)
SELECT DISTINCT load_id
FROM shipment_header_new'),
    ('rdsftcore', 'shipment', 8, 'DROP TABLE IF EXISTS shipment_line_new'),
    ('rdsftcore', 'shipment', 9, 'CREATE TEMP TABLE shipment_line_new AS
SELECT
    s.record_type,
    s.shipment_id,
    s.line_no,
    s.item,
    s.quantity,
    s.file_name,
    s.load_id,
    s.target_transaction_timestamp,
    CASE
        WHEN COALESCE(TRIM(s.shipment_id), '''') = '''' THEN ''shipment_id is blank''
        WHEN COALESCE(s.line_no, '''') !~ ''^[0-9]{1,9}$'' THEN ''line_no is no number''
        WHEN COALESCE(s.quantity, '''') !~ ''^[0-9]{1,15}([.][0-9]{1,3})?$'' THEN ''quantity is no number''
    END AS error_reason
FROM rdsftetl.shipment_line s
WHERE s.target_transaction_timestamp BETWEEN '' p_etl_from_timestamp '' AND '' p_etl_to_timestamp ''
    AND NOT EXISTS (
        SELECT 1
        FROM rdsftcore.shipment_moved m
        WHERE m.load_id = s.load_id
    )'),
    ('rdsftcore', 'shipment', 10, 'INSERT INTO rdsftetl.shipment_line_error (record_type, shipment_id, line_no, item, quantity, file_name, target_transaction_timestamp, error_reason)
SELECT record_type, shipment_id, line_no, item, quantity, file_name, target_transaction_timestamp, error_reason
FROM shipment_line_new
WHERE error_reason IS NOT NULL'),
    ('rdsftcore', 'shipment', 11, 'DELETE FROM rdsftcore.shipment_line
USING shipment_line_new n
WHERE n.error_reason IS NULL
    AND rdsftcore.shipment_line.shipment_id = n.shipment_id
    AND rdsftcore.shipment_line.line_no = CASE WHEN n.error_reason IS NULL THEN CAST(n.line_no AS integer) END'),
    ('rdsftcore', 'shipment', 12, 'INSERT INTO rdsftcore.shipment_line (shipment_id, line_no, item, quantity, file_name, target_transaction_timestamp)
SELECT shipment_id, line_no, item, quantity, file_name, target_transaction_timestamp
FROM (
    SELECT
        shipment_id,
        CASE WHEN error_reason IS NULL THEN CAST(line_no AS integer) END AS line_no,
        item,
        CASE WHEN error_reason IS NULL THEN CAST(quantity AS decimal(18, 3)) END AS quantity,
        file_name,
        target_transaction_timestamp,
        ROW_NUMBER() OVER (
            PARTITION BY shipment_id, CASE WHEN error_reason IS NULL THEN CAST(line_no AS integer) END
            ORDER BY target_transaction_timestamp DESC, load_id DESC
        ) AS recency
    FROM shipment_line_new
    WHERE error_reason IS NULL
) newest
WHERE recency = 1'),
    ('rdsftcore', 'shipment', 13, 'INSERT INTO rdsftcore.shipment_moved (load_id)
SELECT DISTINCT load_id
FROM shipment_line_new');

-- Moves the new prices of a window: good rows to core, where they take the place of the ones they correct, bad rows to
-- the error table.
INSERT INTO rdsftorchestration.job_config_sqls (schema_name, table_name, serial_no, sql_command)
VALUES
    ('rdsftcore', 'pharmacy_price', 1, 'LOCK TABLE rdsftcore.pharmacy_price'),
    ('rdsftcore', 'pharmacy_price', 2, 'DROP TABLE IF EXISTS pharmacy_price_new'),
    ('rdsftcore', 'pharmacy_price', 3, 'CREATE TEMP TABLE pharmacy_price_new AS
SELECT
    s.ndc,
    s.price_type,
    s.unit_price,
    s.effective_date,
    s.expiry_date,
    s.file_name,
    s.load_id,
    s.target_transaction_timestamp,
    CASE
        WHEN COALESCE(TRIM(s.ndc), '''') = '''' THEN ''ndc is blank''
        WHEN COALESCE(TRIM(s.price_type), '''') = '''' THEN ''price_type is blank''
        WHEN COALESCE(s.unit_price, '''') !~ ''^[0-9]{1,14}([.][0-9]{1,4})?$'' THEN ''unit_price is no price''
        WHEN COALESCE(TRIM(s.effective_date), '''') = '''' THEN ''effective_date is blank''
        WHEN rdsftetl.fn_chk_date(s.effective_date, ''%Y-%m-%d'') = 1 THEN ''effective_date is no date''
        WHEN rdsftetl.fn_chk_date(s.expiry_date, ''%Y-%m-%d'') = 1 THEN ''expiry_date is no date''
    END AS error_reason
FROM rdsftetl.pharmacy_price s
WHERE s.target_transaction_timestamp BETWEEN '' p_etl_from_timestamp '' AND '' p_etl_to_timestamp ''
    AND NOT EXISTS (
        SELECT 1
        FROM rdsftcore.pharmacy_price_moved m
        WHERE m.load_id = s.load_id
    )'),
    ('rdsftcore', 'pharmacy_price', 4, 'INSERT INTO rdsftetl.pharmacy_price_error (ndc, price_type, unit_price, effective_date, expiry_date, file_name, target_transaction_timestamp, error_reason)
SELECT ndc, price_type, unit_price, effective_date, expiry_date, file_name, target_transaction_timestamp, error_reason
FROM pharmacy_price_new
WHERE error_reason IS NOT NULL'),
    ('rdsftcore', 'pharmacy_price', 5, 'DELETE FROM rdsftcore.pharmacy_price
USING pharmacy_price_new n
WHERE n.error_reason IS NULL
    AND rdsftcore.pharmacy_price.ndc = n.ndc
    AND rdsftcore.pharmacy_price.price_type = n.price_type
    AND rdsftcore.pharmacy_price.effective_date = CASE WHEN n.error_reason IS NULL THEN CAST(n.effective_date AS date) END'),
    ('rdsftcore', 'pharmacy_price', 6, 'INSERT INTO rdsftcore.pharmacy_price (ndc, price_type, unit_price, effective_date, expiry_date, file_name, target_transaction_timestamp)
SELECT ndc, price_type, unit_price, effective_date, expiry_date, file_name, target_transaction_timestamp
FROM (
    SELECT
        ndc,
        price_type,
        CASE WHEN error_reason IS NULL THEN CAST(unit_price AS decimal(18, 4)) END AS unit_price,
        CASE WHEN error_reason IS NULL THEN CAST(effective_date AS date) END AS effective_date,
        CASE WHEN error_reason IS NULL THEN CAST(NULLIF(TRIM(expiry_date), '''') AS date) END AS expiry_date,
        file_name,
        target_transaction_timestamp,
        ROW_NUMBER() OVER (
            PARTITION BY ndc, price_type, CASE WHEN error_reason IS NULL THEN CAST(effective_date AS date) END
            ORDER BY target_transaction_timestamp DESC, load_id DESC
        ) AS recency
    FROM pharmacy_price_new
    WHERE error_reason IS NULL
) newest
WHERE recency = 1'),
    ('rdsftcore', 'pharmacy_price', 7, 'INSERT INTO rdsftcore.pharmacy_price_moved (load_id)
SELECT DISTINCT load_id
FROM pharmacy_price_new');

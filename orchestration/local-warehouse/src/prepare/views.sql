-- The manual's views of loads. https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
CREATE OR REPLACE VIEW pg_catalog.sys_load_error_detail AS
SELECT
    10 AS user_id,
    query_id,
    transaction_id,
    session_id,
    current_database()::char(128) AS database_name,
    table_id,
    start_time,
    left(file_name, 256)::char(256) AS file_name,
    line_number,
    left(column_name, 127)::char(127) AS column_name,
    left(column_type, 10)::char(10) AS column_type,
    left(column_length, 10)::char(10) AS column_length,
    position,
    error_code,
    left(error_message, 512)::char(512) AS error_message
FROM longshore_local.load_error;

CREATE OR REPLACE VIEW pg_catalog.stl_load_errors AS
SELECT
    10 AS userid,
    0 AS slice,
    table_id AS tbl,
    start_time AS starttime,
    session_id AS session,
    query_id AS query,
    left(file_name, 256)::char(256) AS filename,
    line_number,
    left(column_name, 127)::char(127) AS colname,
    left(column_type, 10)::char(10) AS type,
    left(column_length, 10)::char(10) AS col_length,
    position,
    left(raw_line, 1024)::char(1024) AS raw_line,
    left(raw_field_value, 1024)::char(1024) AS raw_field_value,
    error_code AS err_code,
    left(error_message, 100)::char(100) AS err_reason,
    0 AS is_partial,
    start_offset
FROM longshore_local.load_error;

CREATE OR REPLACE VIEW pg_catalog.sys_load_history AS
SELECT
    10 AS user_id,
    query_id,
    transaction_id,
    session_id,
    current_database()::text AS database_name,
    status,
    table_name,
    start_time,
    end_time,
    (extract(epoch FROM end_time - start_time) * 1000000)::bigint AS duration,
    data_source,
    file_format,
    loaded_rows,
    loaded_bytes,
    source_file_count,
    source_file_bytes,
    file_count_scanned,
    error_count,
    -1::bigint AS copy_job_id
FROM longshore_local.load_history;

CREATE OR REPLACE VIEW pg_catalog.sys_load_detail AS
SELECT
    10 AS user_id,
    query_id,
    left(file_name, 256) AS file_name,
    bytes_scanned,
    lines_scanned,
    1 AS splits_scanned,
    record_time,
    start_time,
    end_time
FROM longshore_local.load_detail;

CREATE OR REPLACE VIEW pg_catalog.pg_table_def AS
SELECT
    namespace.nspname::text AS schemaname,
    class.relname::text AS tablename,
    attribute.attname::text AS "column",
    format_type(attribute.atttypid, attribute.atttypmod) AS type,
    'none'::text AS encoding,
    false AS distkey,
    0 AS sortkey,
    attribute.attnotnull AS "notnull"
FROM pg_catalog.pg_attribute AS attribute
    JOIN pg_catalog.pg_class AS class ON class.oid = attribute.attrelid
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE attribute.attnum > 0
    AND NOT attribute.attisdropped
    AND class.relkind IN ('r', 'p', 'v')
    AND namespace.nspname NOT IN ('longshore_local', 'information_schema')
    AND namespace.nspname = ANY (current_schemas(true));

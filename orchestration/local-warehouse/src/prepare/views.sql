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
    start_offset,
    0::bigint AS copy_job_id
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
    0::bigint AS copy_job_id,
    -- The manual has it before the errors; a view that is there already takes new columns at its end alone.
    source_file_bytes AS file_bytes_scanned
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
    end_time,
    -- COPY reads through a door that does not tell these two.
    NULL::char(256) AS file_etag,
    NULL::timestamp AS file_last_modified
FROM longshore_local.load_detail;

-- Every statement of the Data API, whether it has ended or not; credentials of COPY are blanked as in DescribeStatement.
CREATE OR REPLACE VIEW pg_catalog.sys_query_history AS
SELECT
    10 AS user_id,
    statement.query_ids[text.number] AS query_id,
    coalesce(statement.statement_name, 'default')::char(320) AS query_label,
    coalesce(history.transaction_id, 0) AS transaction_id,
    coalesce((outcome.summary ->> 'process_id')::integer, 0) AS session_id,
    current_database()::char(128) AS database_name,
    CASE
        WHEN text.sql ~* '^\s*(select|with|values|\()' THEN 'SELECT'
        WHEN text.sql ~* '^\s*create\s+(temp|temporary)?\s*table\s.*\mas\s*\(?\s*(select|with)\M' THEN 'CTAS'
        WHEN text.sql ~* '^\s*(create|alter|drop|truncate|comment)\M' THEN 'DDL'
        WHEN text.sql ~* '^\s*(insert|update|delete|copy)\M' THEN upper((regexp_match(text.sql, '^\s*(\w+)'))[1])
        WHEN text.sql ~* '^\s*(merge|call)\M' THEN 'OTHER'
        ELSE 'UTILITY'
    END::char(32) AS query_type,
    CASE part.outcome ->> 'status'
        WHEN 'FINISHED' THEN 'success'
        WHEN 'FAILED' THEN 'failed'
        WHEN 'ABORTED' THEN 'canceled'
        ELSE 'running'
    END::char(10) AS status,
    false AS result_cache_hit,
    statement.created_at::timestamp AS start_time,
    (part.outcome ->> 'updated_at')::timestamptz::timestamp AS end_time,
    greatest((part.outcome ->> 'duration_nanos')::bigint, 0) / 1000 AS elapsed_time,
    0::bigint AS queue_time,
    greatest((part.outcome ->> 'duration_nanos')::bigint, 0) / 1000 AS execution_time,
    left(coalesce(part.outcome ->> 'error', ''), 512)::char(512) AS error_message,
    greatest((part.outcome ->> 'rows')::bigint, 0) AS returned_rows,
    greatest((part.outcome ->> 'result_bytes')::bigint, 0) AS returned_bytes,
    left(
        regexp_replace(
            text.sql,
            '\m(iam_role|credentials|access_key_id|secret_access_key|session_token|master_symmetric_key)(\s+as)?\s*''[^'']*''',
            '\1\2 ''''', 'gi'
        ), 4000
    )::char(4000) AS query_text,
    ''::char(256) AS redshift_version,
    ''::char(150) AS usage_limit,
    'primary'::varchar(50) AS compute_type,
    0::bigint AS compile_time,
    0::bigint AS planning_time,
    0::bigint AS lock_wait_time,
    100 AS service_class_id,
    'Default queue'::char(64) AS service_class_name,
    'normal'::char(20) AS query_priority,
    'false'::char(10) AS short_query_accelerated,
    md5(text.sql)::char(40) AS user_query_hash,
    md5(regexp_replace(text.sql, '\m\d+\M|''[^'']*''', '?', 'g'))::char(40) AS generic_query_hash,
    1 AS query_hash_version
FROM longshore_local.statement
    CROSS JOIN LATERAL unnest(statement.sqls) WITH ORDINALITY AS text (sql, number)
    LEFT JOIN longshore_local.outcome USING (statement_id)
    CROSS JOIN LATERAL (SELECT outcome.summary -> 'sub_statements' -> (text.number - 1)::integer AS outcome) AS part
    LEFT JOIN longshore_local.load_history AS history ON history.query_id = statement.query_ids[text.number];

CREATE OR REPLACE VIEW pg_catalog.stv_db_isolation_level AS
SELECT
    1::integer AS db_id,
    current_database()::character(128) AS db_name,
    CASE current_setting('transaction_isolation')
        WHEN 'serializable' THEN 'Serializable'
        ELSE 'Snapshot Isolation'
    END::character(20) AS isolation_level;

CREATE OR REPLACE VIEW pg_catalog.svv_tables AS
SELECT
    table_catalog::text,
    table_schema::text,
    table_name::text,
    table_type::text,
    obj_description(format('%I.%I', table_schema, table_name)::regclass, 'pg_class') AS remarks
FROM information_schema.tables
WHERE table_schema <> 'longshore_local' AND table_schema !~ '^pg_(toast|temp)';

CREATE OR REPLACE VIEW pg_catalog.svv_columns AS
SELECT
    table_catalog::text,
    table_schema::text,
    table_name::text,
    column_name::text,
    ordinal_position::integer,
    column_default::text,
    is_nullable::text,
    CASE data_type WHEN 'jsonb' THEN 'super' WHEN 'bytea' THEN 'binary varying' ELSE data_type END::text AS data_type,
    character_maximum_length::integer,
    numeric_precision::integer,
    numeric_precision_radix::integer,
    numeric_scale::integer,
    datetime_precision::integer,
    interval_type::text,
    interval_precision::text,
    character_set_catalog::text,
    character_set_schema::text,
    character_set_name::text,
    collation_catalog::text,
    collation_schema::text,
    collation_name::text,
    domain_name::text,
    col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position::integer) AS remarks
FROM information_schema.columns
WHERE table_schema <> 'longshore_local' AND table_schema !~ '^pg_(toast|temp)';

-- PostgreSQL has no distribution and sort keys and forgets those of a CREATE TABLE: NULL, where Redshift says.
CREATE OR REPLACE VIEW pg_catalog.svv_redshift_columns AS
SELECT
    table_catalog::text AS database_name,
    table_schema::text AS schema_name,
    table_name::text,
    column_name::text,
    ordinal_position::integer,
    data_type::text,
    column_default::text,
    is_nullable::text,
    NULL::text AS encoding,
    NULL::boolean AS distkey,
    NULL::integer AS sortkey,
    NULL::text AS column_acl,
    remarks
FROM pg_catalog.svv_columns;

CREATE OR REPLACE VIEW pg_catalog.pg_table_def AS
SELECT
    namespace.nspname::text AS schemaname,
    class.relname::text AS tablename,
    attribute.attname::text AS "column",
    CASE format_type(attribute.atttypid, attribute.atttypmod)
        WHEN 'jsonb' THEN 'super'
        WHEN 'bytea' THEN 'binary varying'
        ELSE format_type(attribute.atttypid, attribute.atttypmod)
    END AS type,
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

-- Redshift's columns of it. A primary key is declared and not enforced, there as here: it is kept as a CHECK of a name of ours.
-- The rewriting of statements puts this view in the place of PostgreSQL's table.
CREATE OR REPLACE VIEW longshore_local.pg_constraint AS
SELECT
    kept.oid,
    CASE
        WHEN kept.conname = 'longshore$primary_key$' THEN left(class.relname, 58) || '_pkey'
        WHEN starts_with(kept.conname, 'longshore$primary_key$')
            THEN substr(kept.conname, length('longshore$primary_key$') + 1)
        ELSE kept.conname
    END::name AS conname,
    kept.connamespace,
    CASE WHEN starts_with(kept.conname, 'longshore$primary_key$') THEN 'p' ELSE kept.contype END::"char" AS contype,
    kept.condeferrable,
    kept.condeferred,
    kept.conrelid,
    kept.contypid,
    kept.confrelid,
    kept.confupdtype,
    kept.confdeltype,
    kept.confmatchtype,
    kept.conkey,
    kept.confkey
FROM pg_catalog.pg_constraint AS kept
    LEFT JOIN pg_catalog.pg_class AS class ON class.oid = kept.conrelid
-- Redshift has no CHECK; another one of ours keeps the length of a VARBYTE.
WHERE kept.contype <> 'c' OR starts_with(kept.conname, 'longshore$primary_key$');

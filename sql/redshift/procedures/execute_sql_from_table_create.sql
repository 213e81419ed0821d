-- Runs the statements kept for a table in the order of serial_no, for one window of time. All of them run or none.
--
-- The texts p_etl_from_timestamp and p_etl_to_timestamp in a statement give way to the window's bounds. They stand within
-- quotes there, with or without blanks: ' p_etl_from_timestamp ' becomes ' 2020-01-01 17:49:29.000000 '.
--
-- Runs for one table queue up, under SERIALIZABLE and SNAPSHOT alike. For that the lock has to come before the first query,
-- which is when Redshift takes a transaction's snapshot: a run that waited must see what the run before it wrote. So
-- nothing may be looked up to find the lock. The table itself is out of the question, because the name may be no table's
-- and an exception block cannot save the transaction; job_config_sqls would make all tables wait for each other. What is
-- left is one of sixteen tables, chosen by the name alone. Tables whose names meet in one of them wait in vain, no more.
CREATE OR REPLACE PROCEDURE rdsftorchestration.execute_sql_from_table(
    p_schema_name varchar(256),
    p_table_name varchar(256),
    p_etl_from_timestamp timestamp,
    p_etl_to_timestamp timestamp
)
AS $$
DECLARE
    job RECORD;
    from_text varchar(32);
    to_text varchar(32);
    job_statement varchar(65535);
    jobs_run integer := 0;
BEGIN
    EXECUTE 'LOCK TABLE rdsftorchestration.job_lock_'
        || LEFT(MD5(LOWER(COALESCE(p_schema_name, '') || '.' || COALESCE(p_table_name, ''))), 1);

    IF p_etl_from_timestamp IS NULL OR p_etl_to_timestamp IS NULL THEN
        RAISE EXCEPTION 'execute_sql_from_table: a bound of the time window is NULL';
    END IF;
    from_text := TO_CHAR(p_etl_from_timestamp, 'YYYY-MM-DD HH24:MI:SS.US');
    to_text := TO_CHAR(p_etl_to_timestamp, 'YYYY-MM-DD HH24:MI:SS.US');

    FOR job IN
        SELECT serial_no, sql_command
        FROM rdsftorchestration.job_config_sqls
        WHERE LOWER(schema_name) = LOWER(p_schema_name)
            AND LOWER(table_name) = LOWER(p_table_name)
        ORDER BY serial_no
    LOOP
        job_statement := RTRIM(job.sql_command, ' ;' || CHR(9) || CHR(10) || CHR(13));
        job_statement := REPLACE(job_statement, 'p_etl_from_timestamp', from_text);
        job_statement := REPLACE(job_statement, 'p_etl_to_timestamp', to_text);
        IF job_statement IS NULL OR job_statement = '' THEN
            RAISE EXCEPTION 'execute_sql_from_table: statement % of %.% is blank',
                job.serial_no, p_schema_name, p_table_name;
        END IF;
        EXECUTE job_statement;
        jobs_run := jobs_run + 1;
        RAISE INFO 'execute_sql_from_table: statement % of %.% ran', job.serial_no, p_schema_name, p_table_name;
    END LOOP;

    IF jobs_run = 0 THEN
        RAISE EXCEPTION 'execute_sql_from_table: rdsftorchestration.job_config_sqls holds no statement for %.%',
            p_schema_name, p_table_name;
    END IF;
END;
$$ LANGUAGE plpgsql;

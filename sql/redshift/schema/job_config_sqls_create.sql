-- The statements that execute_sql_from_table runs are kept here: one row each, in the order of serial_no.
CREATE TABLE IF NOT EXISTS rdsftorchestration.job_config_sqls (
    schema_name varchar(256),
    table_name varchar(256),
    serial_no integer,
    sql_command varchar(65535)
);

-- The loads whose stage rows were moved on: what is listed here is never moved again, however often a window is run.
CREATE TABLE IF NOT EXISTS rdsftcore.moved_load (
    stage_table varchar(127),
    file_name varchar(300),
    target_transaction_timestamp timestamp
);

-- The tables that execute_sql_from_table locks are there.
CALL rdsftorchestration.make_job_locks();

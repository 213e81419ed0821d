-- Makes the sixteen empty tables that execute_sql_from_table locks, job_lock_0 to job_lock_f. Those that are there stay.
CREATE OR REPLACE PROCEDURE rdsftorchestration.make_job_locks()
AS $$
DECLARE
    digits varchar(16) := '0123456789abcdef';
BEGIN
    FOR place IN 1..LENGTH(digits) LOOP
        EXECUTE 'CREATE TABLE IF NOT EXISTS rdsftorchestration.job_lock_' || SUBSTRING(digits, place, 1)
            || ' (nothing integer)';
    END LOOP;
END;
$$ LANGUAGE plpgsql;

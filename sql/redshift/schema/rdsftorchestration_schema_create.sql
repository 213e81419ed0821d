-- The schema of what runs after a load is there.
CREATE SCHEMA IF NOT EXISTS rdsftorchestration;

-- Makes room for the job statements of pharmacy_price, so that the samples can be applied again.
DELETE FROM rdsftorchestration.job_config_sqls
WHERE schema_name = 'rdsftcore'
    AND table_name = 'pharmacy_price';

-- The plan of a load into a table of a warehouse, which says how that warehouse is reached.
SELECT load.plan
FROM rdscnfg.ext_file_load AS load
WHERE lower(load.tgt_schema_name) = lower($2)
    AND lower(load.tgt_table_name) = lower($3)
    AND load.tgt_table_name IS NOT NULL
    AND load.plan IS NOT NULL
    AND EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'load'
            AND statement.warehouse = $1
    )
LIMIT 1

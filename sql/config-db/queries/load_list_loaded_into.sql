-- Loads of a table whose rows are on record as loaded into a warehouse, in the order of their ids, after $4, at most $5.
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
WHERE lower(load.tgt_schema_name) = lower($2)
    AND lower(load.tgt_table_name) = lower($3)
    AND load.tgt_table_name IS NOT NULL
    AND load.loaded_at IS NOT NULL
    AND ($4::uuid IS NULL OR load.load_id > $4::uuid)
    AND EXISTS (
        SELECT
        FROM rdscnfg.ext_statement AS statement
        WHERE statement.load_id = load.load_id
            AND statement.kind = 'load'
            AND statement.warehouse = $1
    )
ORDER BY load.load_id
LIMIT $5::bigint

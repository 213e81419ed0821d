-- What operators did to a load, oldest first, at most $2.
SELECT
    operation.operation,
    operation.operator,
    operation.reason,
    operation.note,
    operation.at
FROM rdscnfg.ext_load_operation AS operation
WHERE operation.load_id = $1
ORDER BY operation.operation_id
LIMIT $2::bigint

-- What an operator did about a paused warehouse.
INSERT INTO rdscnfg.ext_warehouse_operation (
    warehouse,
    operation,
    operator,
    reason,
    probed_by,
    at
)
VALUES ($1, 'resume', $2, $3, $4, $5)

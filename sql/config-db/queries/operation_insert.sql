-- What an operator did to a load, in the transaction that did it.
INSERT INTO rdscnfg.ext_load_operation (
    load_id,
    operation,
    operator,
    reason,
    note,
    at
)
VALUES ($1, $2, $3, $4, $5, $6)

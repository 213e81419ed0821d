-- That an operator had a batch made of what waits in a buffer: of each file that does, in the transaction that did it.
INSERT INTO rdscnfg.ext_load_operation (
    load_id,
    operation,
    operator,
    reason,
    note,
    at
)
SELECT
    load.load_id,
    'flush',
    $2,
    $3,
    NULL,
    $4
FROM rdscnfg.ext_file_load AS load
WHERE load.buffer_id = $1
    AND load.state = 'batched'
    AND load.batch_id IS NULL

-- Holds a load until the transaction ends, so that the next statement sees what its last holder left in every table.
-- Without it a statement that waits for the row sees the row anew, but attempts as they were before it waited.
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
WHERE load.load_id = $1
FOR UPDATE

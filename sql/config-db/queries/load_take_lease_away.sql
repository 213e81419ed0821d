-- Takes the lease from the owner that the operator was shown; from nobody else.
UPDATE rdscnfg.ext_file_load
SET
    lease_owner = NULL,
    lease_step = NULL,
    lease_until = NULL
WHERE load_id = $1
    AND lease_owner = $2

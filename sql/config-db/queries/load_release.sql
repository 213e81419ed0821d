-- Gives a lease back, if it is still the caller's.
UPDATE rdscnfg.ext_file_load
SET
    lease_owner = NULL,
    lease_step = NULL,
    lease_until = NULL
WHERE load_id = $1
    AND lease_owner = $2

-- Makes a lease last longer, if it is still the caller's. Whoever is told otherwise stops: another one works on the load by now.
UPDATE rdscnfg.ext_file_load
SET lease_until = greatest(lease_until, $3)
WHERE load_id = $1
    AND lease_owner = $2
    AND lease_step = 'prepare'

-- Where a load's bytes are read, because its object is gone and an earlier load of the same content put a copy away.
UPDATE rdscnfg.ext_file_load
SET read_key = $2
WHERE load_id = $1
    AND state = 'received'

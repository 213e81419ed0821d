-- Lets a load begin. Whoever calls it holds the lock of load_lock_content.sql and found no other of its content under way.
UPDATE rdscnfg.ext_file_load
SET admitted_at = coalesce(admitted_at, $2)
WHERE load_id = $1

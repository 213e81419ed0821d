-- A set was looked at: its turn comes again after that of the others.
UPDATE rdscnfg.ext_load_buffer
SET looked_at = $2
WHERE buffer_id = $1

-- A load waits for a paused warehouse, due when that one is next tried.
UPDATE rdscnfg.ext_file_load
SET
    due_at = $3,
    waits_for = $2
WHERE load_id = $1

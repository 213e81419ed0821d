-- Every load that waited for a warehouse is due.
UPDATE rdscnfg.ext_file_load
SET
    due_at = $2,
    waits_for = NULL
WHERE waits_for = $1

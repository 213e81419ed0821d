-- Another place for the file, when something lies at the planned one; unless somebody planned anew already.
UPDATE rdscnfg.ext_file_load
SET archived_key = CASE WHEN archived_key = $2 THEN $3 ELSE archived_key END
WHERE load_id = $1
RETURNING archived_key

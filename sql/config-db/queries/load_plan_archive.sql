-- Where the file goes: the first plan stands, so that every try moves it to one place.
UPDATE rdscnfg.ext_file_load
SET archived_key = coalesce(archived_key, $2)
WHERE load_id = $1
RETURNING archived_key

-- A load whose rows no longer keep its file from being loaded again; doing so again changes nothing. The load itself stays: a
-- repetition of its own event, and its own transaction, still find it.
UPDATE rdscnfg.ext_file_load
SET forgotten_at = $2
WHERE load_id = $1
    AND finished_at IS NOT NULL
    AND forgotten_at IS NULL
    AND parent_load_id IS NULL

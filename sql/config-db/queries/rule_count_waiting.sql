-- How many loads wait for a paused rule.
SELECT count(*) AS waiting
FROM rdscnfg.ext_file_load AS load
WHERE load.waits_for = $1

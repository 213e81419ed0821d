-- The newest file that came under a rule.
SELECT
    arrival.load_id,
    arrival.file_name,
    arrival.received_at
FROM rdscnfg.ext_file_arrival AS arrival
WHERE arrival.ext_file_config_sid = $1
ORDER BY arrival.received_at DESC
LIMIT 1

-- When the first $4 files of the rule $1 came after $2 and up to $3, each key once.
SELECT min(arrival.received_at) AS received_at
FROM rdscnfg.ext_file_arrival AS arrival
WHERE arrival.ext_file_config_sid = $1
    AND arrival.received_at > $2
    AND arrival.received_at <= $3
GROUP BY
    arrival.bucket_name,
    arrival.object_key
ORDER BY min(arrival.received_at)
LIMIT $4::bigint

-- What is counted so far of a load's file, under the same rule.
SELECT
    counted_as,
    counted_bytes,
    records,
    blank_records,
    lines
FROM rdscnfg.ext_load_tally
WHERE load_id = $1
    AND counted_as = $2

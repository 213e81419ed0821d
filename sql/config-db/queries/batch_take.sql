-- Puts loads that wait in a buffer into a batch. Whoever calls it compares the number with that of the loads: a load that
-- is elsewhere by now is none of them, and then nothing of the batch may stay.
UPDATE rdscnfg.ext_file_load
SET batch_id = $1
WHERE load_id = ANY ($2::uuid[])
    AND buffer_id = $3
    AND state = 'batched'
    AND batch_id IS NULL

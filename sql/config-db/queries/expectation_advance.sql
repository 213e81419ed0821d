-- How far the times of a rule are judged. No row is changed when another one judged them meanwhile, a late file was counted, or the
-- rule began anew: what was found is then not written either, since this comes first in its transaction.
UPDATE rdscnfg.ext_file_expectation
SET
    counted_until = $5,
    next_at = $6,
    missed_last = $7,
    due_at = $8
WHERE ext_file_config_sid = $1
    AND in_operation
    AND changes = $2
    AND counted_until IS NOT DISTINCT FROM $3
    AND next_at IS NOT DISTINCT FROM $4

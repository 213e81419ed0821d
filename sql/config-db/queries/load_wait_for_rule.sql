-- A load that is still to be prepared waits for its rule $2, which is paused, and is looked at again at $4 at the latest.
-- The race: the rule is resumed at the same time. Its row is locked first, by both: either the trigger that wakes loads
-- sees this one waiting, or this statement waits for the resumption, finds the rule awake, and changes nothing.
WITH resting AS (
    SELECT config.ext_file_config_sid
    FROM rdscnfg.ext_file_config AS config
    WHERE config.ext_file_config_sid = $2
        AND config.paused
    FOR SHARE
)
UPDATE rdscnfg.ext_file_load AS load
SET
    due_at = $4,
    waits_for = $3
FROM resting
WHERE load.load_id = $1
    AND load.state = 'received'

-- Files of several times that were missed one after the other and come together: the older times have arrived late too, though what was
-- missing of each was not awaited any more.

ALTER TABLE rdscnfg.ext_file_late
    DROP CONSTRAINT ext_file_late_arrival_is_late,
    ADD CONSTRAINT ext_file_late_arrival_is_late CHECK (arrived_at > grace_until);

COMMENT ON COLUMN rdscnfg.ext_file_late.awaited_until IS
    'What comes up to then comes late; what comes later is of another time, or of a backlog that comes with the files of one.';

CREATE INDEX ext_file_expectation_missed ON rdscnfg.ext_file_expectation (ext_file_config_sid)
    WHERE missed_last AND in_operation;

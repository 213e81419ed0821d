-- Files that were replaced by another one under their key while they waited: they end without being loaded, and nobody is told.

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN superseded_by uuid
        CONSTRAINT ext_file_load_superseded_fk REFERENCES rdscnfg.ext_file_load (load_id),
    ADD CONSTRAINT ext_file_load_superseded_is_skipped CHECK (superseded_by IS NULL OR state = 'skipped'),
    ADD CONSTRAINT ext_file_load_not_superseded_by_itself CHECK (superseded_by <> load_id),
    DROP CONSTRAINT ext_file_load_unprepared_has_nothing,
    ADD CONSTRAINT ext_file_load_unprepared_has_nothing CHECK (
        state NOT IN ('received', 'rejected', 'split', 'skipped')
        OR (state = 'skipped' AND (buffer_id IS NOT NULL OR superseded_by IS NOT NULL))
        OR (
            manifest_key IS NULL
            AND (plan IS NULL OR state = 'split')
            AND prepared_at IS NULL
            AND submitted_at IS NULL
            AND sources = '[]'
            AND NOT prepared
        )
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.superseded_by IS
    'The load of the file that was put in the place of its own, before its own was loaded.';

-- Of a load that is with the warehouse, or may be, the warehouse decides.
INSERT INTO rdscnfg.ext_load_transition (from_state, to_state)
VALUES
    ('prepared', 'skipped'),
    ('queued', 'skipped');

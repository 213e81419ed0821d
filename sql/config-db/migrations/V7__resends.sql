-- Files that are sent again: what the rule says about them, and which earlier loads a load has to do with.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS resend_policy text;

COMMENT ON COLUMN rdscnfg.ext_file_config.resend_policy IS
    'What is done about a file that was loaded before: skip (also when empty), reload or accept.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN admitted_at timestamptz,
    ADD COLUMN read_key text,
    ADD COLUMN replaces uuid[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT ext_file_load_not_its_own_successor CHECK (NOT (load_id = ANY (replaces)));

COMMENT ON COLUMN rdscnfg.ext_file_load.admitted_at IS
    'Since when it is the one load of its content that is under way; others of the same content wait.';
COMMENT ON COLUMN rdscnfg.ext_file_load.read_key IS
    'Where its bytes are read when not at object_key: the copy that an earlier load of the same content put away.';
COMMENT ON COLUMN rdscnfg.ext_file_load.replaces IS
    'The earlier loads whose rows its transaction deletes. Their markers stay: those transactions must never run again.';

-- Finds the loads of one content: asked once for every file.
CREATE INDEX ext_file_load_content ON rdscnfg.ext_file_load (bucket_name, object_key, etag)
    WHERE parent_load_id IS NULL;
-- Finds the load that took another one's place.
CREATE INDEX ext_file_load_replaces ON rdscnfg.ext_file_load USING gin (replaces)
    WHERE replaces <> '{}';

ALTER TABLE rdscnfg.ext_outbox
    DROP CONSTRAINT ext_outbox_outcome_known,
    ADD CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN ('loaded', 'split', 'rejected', 'failed', 'follow_up_failed', 'skipped')
    );

COMMENT ON COLUMN rdscnfg.ext_file_audit.file_process_status IS
    'FINISHED, FAILED or ABORTED; SKIPPED for a file that was loaded before.';

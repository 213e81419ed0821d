-- Files that go to several warehouses. The rule names further targets; a file of such a rule is checked and prepared once and
-- then delivered: each delivery is a load of its own, and the file's own load ends when all of them have.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS further_targets text;

COMMENT ON COLUMN rdscnfg.ext_file_config.further_targets IS
    'Warehouses that get the files too, by target_name, with comma: analytics, finance=mart.price where the table is another one; own is the deployment''s own.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN target_name text,
    ADD COLUMN deliveries integer,
    DROP CONSTRAINT ext_file_load_child_has_record_type,
    ADD CONSTRAINT ext_file_load_child_is_named CHECK (
        (record_type IS NULL OR target_name IS NULL)
        AND (record_type IS NULL OR parent_load_id IS NOT NULL)
        AND (target_name IS NULL OR parent_load_id IS NOT NULL OR replays_load_id IS NOT NULL)
        AND (parent_load_id IS NULL OR record_type IS NOT NULL OR target_name IS NOT NULL)
    ),
    ADD CONSTRAINT ext_file_load_deliveries_are_several CHECK (deliveries > 1),
    ADD CONSTRAINT ext_file_load_delivering_has_deliveries CHECK (
        (state <> 'delivering' OR (deliveries IS NOT NULL AND ext_file_config_sid IS NOT NULL))
        AND (
            deliveries IS NULL
            OR (
                state IN ('delivering', 'complete', 'failed')
                AND target_name IS NULL
                AND plan IS NOT NULL
                AND manifest_key IS NULL
                AND buffer_id IS NULL
            )
        )
    ),
    DROP CONSTRAINT ext_file_load_state_known,
    ADD CONSTRAINT ext_file_load_state_known CHECK (
        state IN (
            'received', 'rejected', 'split', 'skipped', 'delivering', 'batched', 'prepared', 'queued', 'submitted',
            'loaded', 'failed', 'transforming', 'complete', 'transform_failed'
        )
    ),
    DROP CONSTRAINT ext_file_load_prepared_is_whole,
    ADD CONSTRAINT ext_file_load_prepared_is_whole CHECK (
        state IN ('received', 'rejected', 'split', 'skipped')
        OR deliveries IS NOT NULL
        OR (
            ext_file_config_sid IS NOT NULL
            AND (tgt_table_name IS NOT NULL OR set_part IS NOT NULL)
            AND prepared_at IS NOT NULL
            AND (jsonb_array_length(sources) > 0 OR batch_files IS NOT NULL)
            AND ((manifest_key IS NOT NULL AND plan IS NOT NULL) OR (buffer_id IS NOT NULL AND batch_files IS NULL))
        )
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.target_name IS
    'The target that it delivers its file to; empty where the file goes to one warehouse only. Without a parent: the one that a replay is for.';
COMMENT ON COLUMN rdscnfg.ext_file_load.deliveries IS
    'To how many targets its file is delivered, each by a load of its own.';

-- One delivery of a file to a target. Children have no other identity than their ids, which are made of these.
CREATE UNIQUE INDEX ext_file_load_delivery ON rdscnfg.ext_file_load (parent_load_id, target_name)
    WHERE parent_load_id IS NOT NULL AND target_name IS NOT NULL;

INSERT INTO rdscnfg.ext_load_transition (from_state, to_state)
VALUES
    ('received', 'delivering'),
    ('delivering', 'complete'),
    ('delivering', 'failed');

ALTER TABLE rdscnfg.ext_file_audit
    ADD COLUMN IF NOT EXISTS target_name text;

COMMENT ON COLUMN rdscnfg.ext_file_audit.target_name IS
    'The target that the file was delivered to; empty where it goes to one warehouse only, and in the row of the file itself.';

ALTER TABLE rdscnfg.ext_outbox
    DROP CONSTRAINT ext_outbox_outcome_known,
    ADD CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN (
            'loaded', 'split', 'rejected', 'failed', 'follow_up_failed', 'skipped', 'warehouse_paused',
            'warehouse_resumed', 'partly_loaded'
        )
    );

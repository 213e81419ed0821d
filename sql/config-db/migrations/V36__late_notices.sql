-- Messages about files that did not come: they are of a period of a rule, and not of a load. A program from before this one passes
-- such a message over, and the next one sends it.

ALTER TABLE rdscnfg.ext_outbox
    ALTER COLUMN load_id DROP NOT NULL,
    ADD COLUMN late_id bigint,
    ADD CONSTRAINT ext_outbox_late_fk FOREIGN KEY (late_id) REFERENCES rdscnfg.ext_file_late (late_id),
    ADD CONSTRAINT ext_outbox_about_one CHECK (num_nonnulls(load_id, late_id) = 1),
    ADD CONSTRAINT ext_outbox_late_is_about_late CHECK ((late_id IS NOT NULL) = (outcome IN ('late', 'arrived_late'))),
    DROP CONSTRAINT ext_outbox_outcome_known,
    ADD CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN (
            'loaded', 'split', 'rejected', 'failed', 'follow_up_failed', 'skipped', 'warehouse_paused',
            'warehouse_resumed', 'partly_loaded', 'late', 'arrived_late'
        )
    );

COMMENT ON COLUMN rdscnfg.ext_outbox.late_id IS
    'The time at which files did not come that the message is about; empty for messages about loads.';

CREATE UNIQUE INDEX ext_outbox_once_per_late ON rdscnfg.ext_outbox (late_id, outcome)
    WHERE late_id IS NOT NULL;

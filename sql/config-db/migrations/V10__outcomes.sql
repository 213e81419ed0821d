-- Every outcome that can be told, those of V7 and of V8 together: each of them wrote the list with its own words alone.

ALTER TABLE rdscnfg.ext_outbox
    DROP CONSTRAINT ext_outbox_outcome_known,
    ADD CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN (
            'loaded', 'split', 'rejected', 'failed', 'follow_up_failed', 'skipped', 'warehouse_paused',
            'warehouse_resumed'
        )
    );

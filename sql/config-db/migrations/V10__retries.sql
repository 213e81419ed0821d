-- What the warehouse could not do just then is tried again: when, how often, and not while it is known to be down. And
-- what a worker could not finish, or died of, is counted, so that no file goes round for ever.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS max_attempts integer,
    ADD COLUMN IF NOT EXISTS retry_minutes integer,
    ADD COLUMN IF NOT EXISTS query_retry_flag text;

COMMENT ON COLUMN rdscnfg.ext_file_config.max_attempts IS
    'How many statements of a load may fail for reasons that pass; empty: 8.';
COMMENT ON COLUMN rdscnfg.ext_file_config.retry_minutes IS
    'How long after the first such failure another try may begin; empty: 240.';
COMMENT ON COLUMN rdscnfg.ext_file_config.query_retry_flag IS
    'Whether query may run again after a failure that passes: Y or N; empty: unless it is a CALL, whose procedure may commit halfway.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN due_at timestamptz,
    ADD COLUMN waits_for text,
    ADD COLUMN tries integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN retry_since timestamptz,
    ADD COLUMN retry_error text,
    ADD COLUMN deaths integer NOT NULL DEFAULT 0,
    ADD COLUMN handovers integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT ext_file_load_wait_has_an_end CHECK (waits_for IS NULL OR due_at IS NOT NULL),
    ADD CONSTRAINT ext_file_load_retry_is_explained CHECK (retry_since IS NULL OR retry_error IS NOT NULL),
    ADD CONSTRAINT ext_file_load_tries_not_negative CHECK (
        tries >= 0 AND failed_attempt >= 0 AND deaths >= 0 AND handovers >= 0
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.due_at IS
    'Nobody takes the load up before then; empty: at any time.';
COMMENT ON COLUMN rdscnfg.ext_file_load.waits_for IS
    'The paused warehouse that it waits for; due as soon as that one is back.';
COMMENT ON COLUMN rdscnfg.ext_file_load.tries IS
    'How many of its statements failed for reasons that pass: of the load transaction, from transforming on of the follow-up.';
COMMENT ON COLUMN rdscnfg.ext_file_load.failed_attempt IS
    'The newest attempt among them, so that none counts twice.';
COMMENT ON COLUMN rdscnfg.ext_file_load.retry_since IS
    'When the first of them failed; the time that a rule allows runs from then.';
COMMENT ON COLUMN rdscnfg.ext_file_load.retry_error IS
    'What the last failure of any kind said that did not end the load.';
COMMENT ON COLUMN rdscnfg.ext_file_load.deaths IS
    'How many invocations took the load up in this state and never gave it back.';
COMMENT ON COLUMN rdscnfg.ext_file_load.handovers IS
    'How many invocations ran out of time over the load in this state.';

CREATE INDEX ext_file_load_due ON rdscnfg.ext_file_load (due_at)
    WHERE due_at IS NOT NULL;
-- What waits has its turn once it is due.
DROP INDEX rdscnfg.ext_file_load_turn;
CREATE INDEX ext_file_load_turn
    ON rdscnfg.ext_file_load (greatest(looked_at, coalesce(due_at, state_at)), load_id)
    WHERE finished_at IS NULL;
CREATE INDEX ext_file_load_waits ON rdscnfg.ext_file_load (waits_for)
    WHERE waits_for IS NOT NULL;

-- Whoever moves a load, and by whatever statement, leaves behind what belonged to the state it was in.
CREATE FUNCTION rdscnfg.ext_file_load_leave_state() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.deaths := 0;
    NEW.handovers := 0;
    IF NEW.due_at IS NOT DISTINCT FROM OLD.due_at THEN
        NEW.due_at := NULL;
        NEW.waits_for := NULL;
    END IF;
    RETURN NEW;
END
$body$;

CREATE TRIGGER ext_file_load_leave_state
    BEFORE UPDATE ON rdscnfg.ext_file_load
    FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION rdscnfg.ext_file_load_leave_state();

CREATE TABLE rdscnfg.ext_warehouse (
    warehouse text NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    paused_at timestamptz,
    paused_by uuid,
    probe_at timestamptz,
    last_error text,
    last_failed_at timestamptz,
    last_succeeded_at timestamptz,
    CONSTRAINT ext_warehouse_pk PRIMARY KEY (warehouse),
    CONSTRAINT ext_warehouse_failures_not_negative CHECK (failures >= 0),
    CONSTRAINT ext_warehouse_failure_has_reason CHECK (
        (failures = 0 OR last_error IS NOT NULL) AND (last_error IS NULL) = (last_failed_at IS NULL)
    ),
    CONSTRAINT ext_warehouse_pause_whole CHECK (
        (paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (probe_at IS NULL)
    )
);

COMMENT ON TABLE rdscnfg.ext_warehouse IS
    'A warehouse that failed once: while it is paused nothing is sent there but one probe now and then. Safe to empty.';
COMMENT ON COLUMN rdscnfg.ext_warehouse.failures IS
    'Failures in a row that were the warehouse''s own.';
COMMENT ON COLUMN rdscnfg.ext_warehouse.paused_at IS
    'Since when nothing is sent there; empty: it is in use.';
COMMENT ON COLUMN rdscnfg.ext_warehouse.paused_by IS
    'The load whose failure was the last straw; its message tells of the pause.';
COMMENT ON COLUMN rdscnfg.ext_warehouse.probe_at IS
    'When the next load is let through to see whether it is back.';

ALTER TABLE rdscnfg.ext_outbox
    DROP CONSTRAINT ext_outbox_outcome_known,
    ADD CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN (
            'loaded', 'split', 'rejected', 'failed', 'follow_up_failed', 'skipped', 'warehouse_paused',
            'warehouse_resumed'
        )
    );

-- The ledger of loads. Its constraints and triggers hold against every writer, ours included: a row that could not have
-- come about cannot be stored, and no change of state goes unrecorded.

CREATE TABLE rdscnfg.ext_load_transition (
    from_state text NOT NULL,
    to_state text NOT NULL,
    CONSTRAINT ext_load_transition_pk PRIMARY KEY (from_state, to_state)
);

COMMENT ON TABLE rdscnfg.ext_load_transition IS
    'The changes of state that a load may make: the same table as LoadState::successors, which a test compares.';

INSERT INTO rdscnfg.ext_load_transition (from_state, to_state)
VALUES
    ('received', 'rejected'),
    ('received', 'split'),
    ('received', 'skipped'),
    ('received', 'prepared'),
    ('prepared', 'queued'),
    ('prepared', 'failed'),
    ('queued', 'submitted'),
    ('queued', 'loaded'),
    ('queued', 'failed'),
    ('submitted', 'loaded'),
    ('submitted', 'queued'),
    ('submitted', 'failed'),
    ('loaded', 'transforming'),
    ('loaded', 'complete'),
    ('transforming', 'complete'),
    ('transforming', 'transform_failed');

CREATE TABLE rdscnfg.ext_file_load (
    load_id uuid NOT NULL,
    parent_load_id uuid,
    record_type text,
    bucket_name text NOT NULL,
    object_key text NOT NULL,
    object_version text,
    etag text,
    sequencer text,
    size_bytes bigint NOT NULL,
    file_name text NOT NULL,
    state text NOT NULL DEFAULT 'received',
    state_at timestamptz NOT NULL,
    state_actor text NOT NULL,
    state_note text,
    ext_file_config_sid integer,
    ext_interface_cid numeric(30),
    interface_name text,
    tgt_schema_name text,
    tgt_table_name text,
    captures jsonb NOT NULL DEFAULT '{}',
    rows_expected bigint,
    rows_loaded bigint,
    rows_rejected bigint,
    sources jsonb NOT NULL DEFAULT '[]',
    prepared boolean NOT NULL DEFAULT false,
    manifest_key text,
    plan jsonb,
    archived_key text,
    statement_id text,
    error_code text,
    error text,
    reject jsonb,
    remarks jsonb NOT NULL DEFAULT '[]',
    prepare_duration_ms bigint,
    claims integer NOT NULL DEFAULT 1,
    lease_owner text,
    lease_step text,
    lease_until timestamptz,
    received_at timestamptz NOT NULL,
    prepared_at timestamptz,
    submitted_at timestamptz,
    loaded_at timestamptz,
    concluded_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT ext_file_load_pk PRIMARY KEY (load_id),
    CONSTRAINT ext_file_load_parent_fk FOREIGN KEY (parent_load_id)
        REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_file_load_state_known CHECK (
        state IN (
            'received', 'rejected', 'split', 'skipped', 'prepared', 'queued', 'submitted', 'loaded', 'failed',
            'transforming', 'complete', 'transform_failed'
        )
    ),
    CONSTRAINT ext_file_load_child_has_record_type CHECK ((parent_load_id IS NULL) = (record_type IS NULL)),
    CONSTRAINT ext_file_load_not_its_own_parent CHECK (parent_load_id <> load_id),
    CONSTRAINT ext_file_load_counts_not_negative CHECK (
        size_bytes >= 0
        AND rows_expected >= 0 IS NOT FALSE
        AND rows_loaded >= 0 IS NOT FALSE
        AND rows_rejected >= 0 IS NOT FALSE
        AND prepare_duration_ms >= 0 IS NOT FALSE
    ),
    CONSTRAINT ext_file_load_rule_has_interface CHECK (
        (ext_file_config_sid IS NULL) = (ext_interface_cid IS NULL)
        AND (ext_interface_cid IS NULL) = (interface_name IS NULL)
    ),
    CONSTRAINT ext_file_load_table_whole CHECK ((tgt_schema_name IS NULL) = (tgt_table_name IS NULL)),
    CONSTRAINT ext_file_load_table_needs_rule CHECK (tgt_table_name IS NULL OR ext_file_config_sid IS NOT NULL),
    CONSTRAINT ext_file_load_split_has_rule CHECK (state <> 'split' OR ext_file_config_sid IS NOT NULL),
    CONSTRAINT ext_file_load_prepared_is_whole CHECK (
        state IN ('received', 'rejected', 'split', 'skipped')
        OR (
            ext_file_config_sid IS NOT NULL
            AND tgt_table_name IS NOT NULL
            AND manifest_key IS NOT NULL
            AND plan IS NOT NULL
            AND prepared_at IS NOT NULL
            AND jsonb_array_length(sources) > 0
        )
    ),
    CONSTRAINT ext_file_load_unprepared_has_nothing CHECK (
        state NOT IN ('received', 'rejected', 'split', 'skipped')
        OR (
            manifest_key IS NULL
            AND (plan IS NULL OR state = 'split')
            AND prepared_at IS NULL
            AND submitted_at IS NULL
            AND sources = '[]'
            AND NOT prepared
        )
    ),
    CONSTRAINT ext_file_load_submitted_has_time CHECK (state <> 'submitted' OR submitted_at IS NOT NULL),
    CONSTRAINT ext_file_load_loaded_has_time CHECK (
        (state IN ('loaded', 'transforming', 'complete', 'transform_failed')) = (loaded_at IS NOT NULL)
    ),
    CONSTRAINT ext_file_load_rows_loaded_needs_load CHECK (rows_loaded IS NULL OR loaded_at IS NOT NULL),
    CONSTRAINT ext_file_load_error_is_explained CHECK (
        (state IN ('rejected', 'failed')) = (error_code IS NOT NULL)
        AND (error_code IS NULL) = (error IS NULL)
    ),
    CONSTRAINT ext_file_load_rejected_has_reason CHECK ((state = 'rejected') = (reject IS NOT NULL)),
    CONSTRAINT ext_file_load_lease_whole CHECK (
        (lease_owner IS NULL) = (lease_step IS NULL)
        AND (lease_owner IS NULL) = (lease_until IS NULL)
    ),
    CONSTRAINT ext_file_load_lease_step_known CHECK (lease_step IN ('prepare', 'finish')),
    CONSTRAINT ext_file_load_concluded_has_outcome CHECK (
        concluded_at IS NULL
        OR state IN (
            'rejected', 'split', 'skipped', 'loaded', 'failed', 'transforming', 'complete', 'transform_failed'
        )
    ),
    CONSTRAINT ext_file_load_finished_is_concluded CHECK (
        (finished_at IS NOT NULL) = (
            concluded_at IS NOT NULL
            AND state IN ('rejected', 'split', 'skipped', 'failed', 'complete', 'transform_failed')
        )
    ),
    CONSTRAINT ext_file_load_complete_is_finished CHECK (
        state NOT IN ('complete', 'transform_failed') OR finished_at IS NOT NULL
    ),
    CONSTRAINT ext_file_load_lists_are_lists CHECK (
        jsonb_typeof(captures) = 'object'
        AND jsonb_typeof(sources) = 'array'
        AND jsonb_typeof(remarks) = 'array'
    )
);

COMMENT ON TABLE rdscnfg.ext_file_load IS
    'The ledger: one row for the journey of one object under one rule.';
COMMENT ON COLUMN rdscnfg.ext_file_load.parent_load_id IS
    'The load whose file was cut by record type; empty for a file that arrived by itself.';
COMMENT ON COLUMN rdscnfg.ext_file_load.record_type IS
    'The prefix of the records that this child holds.';
COMMENT ON COLUMN rdscnfg.ext_file_load.sequencer IS
    'Tells a repeated event from a re-sent file.';
COMMENT ON COLUMN rdscnfg.ext_file_load.file_name IS
    'The name that the lineage column takes: that of the file as it arrived.';
COMMENT ON COLUMN rdscnfg.ext_file_load.state_actor IS
    'Who brought it into this state; copied to the history with state_at and state_note.';
COMMENT ON COLUMN rdscnfg.ext_file_load.ext_file_config_sid IS
    'The rule. No foreign key: the record of what happened outlives the rule.';
COMMENT ON COLUMN rdscnfg.ext_file_load.tgt_table_name IS
    'The target, with its placeholders filled.';
COMMENT ON COLUMN rdscnfg.ext_file_load.captures IS
    'What the rule picked out of the key, by name.';
COMMENT ON COLUMN rdscnfg.ext_file_load.sources IS
    'The objects that COPY reads: [{"key", "size_bytes"}].';
COMMENT ON COLUMN rdscnfg.ext_file_load.prepared IS
    'Whether the sources are our own copies, to be removed in the end.';
COMMENT ON COLUMN rdscnfg.ext_file_load.plan IS
    'What is submitted and where, so that a retry submits the very same SQL; of a split file, what its parts need to know. Holds no secret.';
COMMENT ON COLUMN rdscnfg.ext_file_load.archived_key IS
    'Where the file goes; set before it is moved, so that a retry moves it to the same place.';
COMMENT ON COLUMN rdscnfg.ext_file_load.statement_id IS
    'The warehouse''s id of the statement whose transaction loaded the rows.';
COMMENT ON COLUMN rdscnfg.ext_file_load.reject IS
    'The reason for a rejection in full, for machines.';
COMMENT ON COLUMN rdscnfg.ext_file_load.claims IS
    'How often a function took the load up, or met it while it was taken: 1 and the repeats.';
COMMENT ON COLUMN rdscnfg.ext_file_load.lease_owner IS
    'The invocation that works on the load; nobody else does before lease_until.';
COMMENT ON COLUMN rdscnfg.ext_file_load.concluded_at IS
    'When the outcome was put on record and its messages into the outbox.';
COMMENT ON COLUMN rdscnfg.ext_file_load.finished_at IS
    'When there was nothing left to do.';

-- The identity of what arrived. Two deliveries of one event, at once or hours apart, meet here. Children have none: their
-- id is derived from the parent's and the record type, so their primary key is their identity.
CREATE UNIQUE INDEX ext_file_load_identity ON rdscnfg.ext_file_load
    (bucket_name, object_key, coalesce(object_version, etag, ''), coalesce(sequencer, ''))
    WHERE parent_load_id IS NULL;
CREATE INDEX ext_file_load_parent ON rdscnfg.ext_file_load (parent_load_id, record_type)
    WHERE parent_load_id IS NOT NULL;
CREATE INDEX ext_file_load_received ON rdscnfg.ext_file_load (received_at);
CREATE INDEX ext_file_load_state ON rdscnfg.ext_file_load (state, received_at);
CREATE INDEX ext_file_load_rule ON rdscnfg.ext_file_load (ext_file_config_sid, received_at);
CREATE INDEX ext_file_load_open ON rdscnfg.ext_file_load (received_at)
    WHERE finished_at IS NULL;

CREATE TABLE rdscnfg.ext_file_load_history (
    history_id bigint GENERATED ALWAYS AS IDENTITY,
    load_id uuid NOT NULL,
    at timestamptz NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    note text,
    CONSTRAINT ext_file_load_history_pk PRIMARY KEY (history_id),
    CONSTRAINT ext_file_load_history_load_fk FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id)
);

COMMENT ON TABLE rdscnfg.ext_file_load_history IS
    'Every state a load was in: when, by whom, from which. Written by a trigger, so none is missing.';

CREATE INDEX ext_file_load_history_load ON rdscnfg.ext_file_load_history (load_id, history_id);

CREATE FUNCTION rdscnfg.ext_file_load_check_transition() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'received' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = 'ext_file_load_transition',
            MESSAGE = format('load %s would begin as %s; a load begins as received', NEW.load_id, NEW.state);
    END IF;
    IF NEW.state = OLD.state OR EXISTS (
        SELECT
        FROM rdscnfg.ext_load_transition
        WHERE from_state = OLD.state
            AND to_state = NEW.state
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME,
        CONSTRAINT = 'ext_file_load_transition',
        MESSAGE = format('load %s may not move from %s to %s', OLD.load_id, OLD.state, NEW.state);
END
$body$;

CREATE TRIGGER ext_file_load_transition
    BEFORE INSERT OR UPDATE ON rdscnfg.ext_file_load
    FOR EACH ROW
    EXECUTE FUNCTION rdscnfg.ext_file_load_check_transition();

CREATE FUNCTION rdscnfg.ext_file_load_record_transition() RETURNS trigger
LANGUAGE plpgsql
AS $body$
DECLARE
    earlier_state text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        earlier_state := OLD.state;
    END IF;
    IF earlier_state IS DISTINCT FROM NEW.state THEN
        INSERT INTO rdscnfg.ext_file_load_history (load_id, at, from_state, to_state, actor, note)
        VALUES (NEW.load_id, NEW.state_at, earlier_state, NEW.state, NEW.state_actor, NEW.state_note);
    END IF;
    RETURN NULL;
END
$body$;

CREATE TRIGGER ext_file_load_history
    AFTER INSERT OR UPDATE ON rdscnfg.ext_file_load
    FOR EACH ROW
    EXECUTE FUNCTION rdscnfg.ext_file_load_record_transition();

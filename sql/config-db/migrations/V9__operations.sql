-- What operators do to loads by hand, and loads that happen again because of it.

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN replays_load_id uuid
        CONSTRAINT ext_file_load_replays_fk REFERENCES rdscnfg.ext_file_load (load_id),
    ADD COLUMN only_record_type text,
    ADD COLUMN resend_policy text,
    ADD CONSTRAINT ext_file_load_resend_policy_known CHECK (resend_policy IN ('skip', 'reload', 'accept')),
    ADD CONSTRAINT ext_file_load_choice_is_a_replays CHECK (
        replays_load_id IS NOT NULL OR (only_record_type IS NULL AND resend_policy IS NULL)
    ),
    ADD CONSTRAINT ext_file_load_not_its_own_replay CHECK (replays_load_id <> load_id),
    ADD CONSTRAINT ext_file_load_replays_whole_files CHECK (replays_load_id IS NULL OR parent_load_id IS NULL);

COMMENT ON COLUMN rdscnfg.ext_file_load.replays_load_id IS
    'The load that an operator let happen again by this one; empty for a load that S3 announced.';
COMMENT ON COLUMN rdscnfg.ext_file_load.only_record_type IS
    'Of a replayed file that is cut by record type: the one type that is loaded again; empty for all of them.';
COMMENT ON COLUMN rdscnfg.ext_file_load.resend_policy IS
    'What the operator who replayed it said about rows that are there already; empty: as the rule says.';
COMMENT ON COLUMN rdscnfg.ext_file_load.sequencer IS
    'Tells a repeated event from a re-sent file. A replay, which no event announced, has a number of its own here.';

CREATE INDEX ext_file_load_replays ON rdscnfg.ext_file_load (replays_load_id)
    WHERE replays_load_id IS NOT NULL;

CREATE TABLE rdscnfg.ext_load_operation (
    operation_id bigint GENERATED ALWAYS AS IDENTITY,
    load_id uuid NOT NULL,
    operation text NOT NULL,
    operator text NOT NULL,
    reason text NOT NULL,
    note text,
    at timestamptz NOT NULL,
    CONSTRAINT ext_load_operation_pk PRIMARY KEY (operation_id),
    CONSTRAINT ext_load_operation_load_fk FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_load_operation_known CHECK (operation IN ('replay', 'cancel', 'release', 'skip')),
    CONSTRAINT ext_load_operation_is_explained CHECK (btrim(operator) <> '' AND btrim(reason) <> '')
);

COMMENT ON TABLE rdscnfg.ext_load_operation IS
    'What operators did to loads by hand: who, when and why.';
COMMENT ON COLUMN rdscnfg.ext_load_operation.operator IS
    'The person: the name in the operating system, or the one given with --as.';
COMMENT ON COLUMN rdscnfg.ext_load_operation.reason IS
    'Why, in the operator''s words.';
COMMENT ON COLUMN rdscnfg.ext_load_operation.note IS
    'What it did: the replay that was made, the lease that was taken away.';

CREATE INDEX ext_load_operation_load ON rdscnfg.ext_load_operation (load_id, operation_id);

ALTER TABLE rdscnfg.ext_file_audit
    ADD COLUMN IF NOT EXISTS replays_load_id uuid;

COMMENT ON COLUMN rdscnfg.ext_file_audit.replays_load_id IS
    'The load that an operator let happen again; empty for a file that arrived.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.file_process_status IS
    'FINISHED, FAILED or ABORTED; SKIPPED for a file that was loaded before, or that an operator put aside.';

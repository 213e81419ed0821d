-- Dated snapshots: what their rules say beyond other rules, what was said of a load when it was put on the ledger, and the
-- statements that put a table in order afterwards.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS rule_kind text,
    ADD COLUMN IF NOT EXISTS period_end text,
    ADD COLUMN IF NOT EXISTS vacuum_rows bigint;

COMMENT ON COLUMN rdscnfg.ext_file_config.rule_kind IS
    'snapshot: its files are dated snapshots, put on the ledger with {data_date}, {period_start} and {period_end}. file (also when empty): any other.';
COMMENT ON COLUMN rdscnfg.ext_file_config.period_end IS
    'For replace_period: the period is a span, from period_value up to this, which is not in it; empty: the column equals period_value.';
COMMENT ON COLUMN rdscnfg.ext_file_config.vacuum_rows IS
    'A load that deletes so many rows or more has its table vacuumed and analyzed afterwards; empty: never.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN announced_captures jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT ext_file_load_announced_captures_are_named CHECK (
        jsonb_typeof(announced_captures) = 'object'
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.announced_captures IS
    'What whoever put it on the ledger said of it, by name; its key may give more (captures).';

-- One row for each statement that is to put a table in order.
CREATE TABLE rdscnfg.ext_maintenance (
    maintenance_id bigint GENERATED ALWAYS AS IDENTITY,
    load_id uuid NOT NULL,
    kind text NOT NULL,
    warehouse text NOT NULL,
    tgt_schema_name text NOT NULL,
    tgt_table_name text NOT NULL,
    rows_deleted bigint NOT NULL,
    place jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempt integer NOT NULL DEFAULT 0,
    statement_id text,
    error text,
    queued_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    submitted_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT ext_maintenance_pkey PRIMARY KEY (maintenance_id),
    CONSTRAINT ext_maintenance_load_fkey FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_maintenance_kind_is_known CHECK (kind IN ('vacuum', 'analyze')),
    CONSTRAINT ext_maintenance_state_is_known CHECK (state IN ('queued', 'submitted', 'finished', 'failed')),
    CONSTRAINT ext_maintenance_submission_is_whole CHECK ((state = 'queued') OR (submitted_at IS NOT NULL)),
    CONSTRAINT ext_maintenance_end_is_whole CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'failed')))
);

COMMENT ON TABLE rdscnfg.ext_maintenance IS
    'VACUUM and ANALYZE that loads left to be done, and how they went.';
COMMENT ON COLUMN rdscnfg.ext_maintenance.place IS
    'Where it runs: the warehouse as it was when the load was planned.';
COMMENT ON COLUMN rdscnfg.ext_maintenance.due_at IS
    'When it is looked at next: queued, to be submitted; submitted, to be asked about.';

-- A load leaves each of them once, however often its end is told.
CREATE UNIQUE INDEX ext_maintenance_of_load
    ON rdscnfg.ext_maintenance (load_id, kind);
-- Redshift runs one VACUUM at a time and fails a second one: the row that is submitted keeps the others of its warehouse back.
CREATE UNIQUE INDEX ext_maintenance_one_vacuum
    ON rdscnfg.ext_maintenance (warehouse)
    WHERE kind = 'vacuum' AND state = 'submitted';
CREATE INDEX ext_maintenance_due
    ON rdscnfg.ext_maintenance (due_at)
    WHERE state IN ('queued', 'submitted');

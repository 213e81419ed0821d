-- Snapshot rules that load by themselves: what they say, and how each of their tables stands.

-- What such a rule has none of need not be said; of any other rule the rule check says that it is blank.
ALTER TABLE rdscnfg.ext_file_config
    ALTER COLUMN file_prefix SET DEFAULT '',
    ALTER COLUMN file_type SET DEFAULT '';

-- As with the other words of a rule, no constraint says which there are: the rule check names every fault at once.
ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS schedule text,
    ADD COLUMN IF NOT EXISTS schedule_timezone text,
    ADD COLUMN IF NOT EXISTS snapshot_bucket text,
    ADD COLUMN IF NOT EXISTS snapshot_layout text,
    ADD COLUMN IF NOT EXISTS snapshot_config text,
    ADD COLUMN IF NOT EXISTS snapshot_granularity text,
    ADD COLUMN IF NOT EXISTS snapshot_timezone text,
    ADD COLUMN IF NOT EXISTS snapshot_stream_start text,
    ADD COLUMN IF NOT EXISTS snapshot_stream_end text,
    ADD COLUMN IF NOT EXISTS snapshot_freshness text,
    ADD COLUMN IF NOT EXISTS snapshot_table_changes text;

COMMENT ON COLUMN rdscnfg.ext_file_config.schedule IS
    'For rule_kind snapshot: when the newest data is looked for and loaded, as cron writes it: 0 6 * * *.';
COMMENT ON COLUMN rdscnfg.ext_file_config.schedule_timezone IS
    'By whose clocks the schedule tells the time, by the name in the IANA database; empty: UTC.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_bucket IS
    'Under a schedule: the bucket of the data.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_layout IS
    'Under a schedule: where the files lie, such as exports/{table}/{date}; empty: the usual folders.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_config IS
    'Under a schedule: the description of the tables, s3://bucket/key; empty: beside the data.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_granularity IS
    'Under a schedule: what a file stands for: hour, day (also when empty) or stream.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_timezone IS
    'Under a schedule: by whose clocks the tables'' date column tells the time; empty: UTC.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_stream_start IS
    'Under a schedule, of a stream: the rows from this moment on are replaced (RFC 3339).';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_stream_end IS
    'Under a schedule, of a stream: up to this moment, which is not in it (RFC 3339).';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_freshness IS
    'Under a schedule: checked (also when empty): data that is not newer than the table''s is left alone; forced: it is loaded.';
COMMENT ON COLUMN rdscnfg.ext_file_config.snapshot_table_changes IS
    'Under a schedule: made (also when empty): a missing table and new columns are made; refused: they fail the run.';

-- One row for each table of a rule with a schedule; rules make and take them away by a trigger.
CREATE TABLE rdscnfg.ext_snapshot_schedule (
    ext_file_config_sid integer NOT NULL,
    tgt_table_name text NOT NULL,
    in_operation boolean NOT NULL,
    schedule text NOT NULL,
    planned_for text,
    due_at timestamptz NOT NULL,
    runner text,
    run_until timestamptz,
    starting_load_id uuid,
    starting_date timestamptz,
    began_at timestamptz,
    ended_at timestamptz,
    outcome text,
    rule_version integer,
    data_date timestamptz,
    load_id uuid,
    load_date timestamptz,
    loaded_date timestamptz,
    error text,
    failures integer NOT NULL DEFAULT 0,
    told_error text,
    tell_at timestamptz,
    CONSTRAINT ext_snapshot_schedule_pkey PRIMARY KEY (ext_file_config_sid, tgt_table_name),
    CONSTRAINT ext_snapshot_schedule_rule_fkey FOREIGN KEY (ext_file_config_sid)
        REFERENCES rdscnfg.ext_file_config (ext_file_config_sid) ON DELETE CASCADE,
    CONSTRAINT ext_snapshot_schedule_runner_whole CHECK ((runner IS NULL) = (run_until IS NULL)),
    CONSTRAINT ext_snapshot_schedule_start_whole CHECK ((starting_load_id IS NULL) = (starting_date IS NULL)),
    CONSTRAINT ext_snapshot_schedule_load_whole CHECK ((load_id IS NULL) = (load_date IS NULL)),
    CONSTRAINT ext_snapshot_schedule_outcome_known CHECK (outcome IN ('started', 'nothing_new', 'failed')),
    CONSTRAINT ext_snapshot_schedule_end_whole CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CONSTRAINT ext_snapshot_schedule_failure_has_reason CHECK (coalesce(outcome = 'failed', false) = (error IS NOT NULL)),
    CONSTRAINT ext_snapshot_schedule_failures_not_negative CHECK (failures >= 0),
    CONSTRAINT ext_snapshot_schedule_tells_a_failure CHECK (tell_at IS NULL OR error IS NOT NULL)
);

COMMENT ON TABLE rdscnfg.ext_snapshot_schedule IS
    'How the tables of snapshot rules with a schedule stand: when they are due, and what came of it.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.in_operation IS
    'Whether the rule is in operation and not paused.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.schedule IS
    'The rule''s schedule and whose clocks tell it.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.planned_for IS
    'The schedule that due_at was found by; another than schedule: when it is due is to be found anew.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.due_at IS
    'When it runs next; long past where that is to be found, or where it is to run at once.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.run_until IS
    'The runner has the table until then; nobody else begins it before.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.starting_load_id IS
    'The load that the runner is about to put on the ledger, so that whoever takes over finds it there or begins anew.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.data_date IS
    'The date of the newest data that was found.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.load_id IS
    'The load that was started last. No foreign key: it is noted before it is on the ledger.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.load_date IS
    'The date of its data.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.loaded_date IS
    'The newest date that loads of this schedule brought into the table, so far as the end of the last run knew.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.failures IS
    'Runs in a row that failed.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.told_error IS
    'The failure that people were told of; the same again is not told.';
COMMENT ON COLUMN rdscnfg.ext_snapshot_schedule.tell_at IS
    'When the failure is to be told, or told again since the topic refused it.';

CREATE INDEX ext_snapshot_schedule_due
    ON rdscnfg.ext_snapshot_schedule (due_at, ext_file_config_sid, tgt_table_name)
    WHERE in_operation;
CREATE INDEX ext_snapshot_schedule_untold
    ON rdscnfg.ext_snapshot_schedule (tell_at)
    WHERE tell_at IS NOT NULL;

-- The tables of a rule as it is now. A changed schedule is planned anew; a run that failed is due again at once, since the
-- change may have mended it. With its owner's rights: whoever may write rules need not be granted the table.
-- The race: a rule that is changed while one of its tables runs. The runner writes when the table is due next only where the
-- schedule is the one that it found that by (snapshot_finish.sql).
CREATE FUNCTION rdscnfg.ext_snapshot_schedule_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    DELETE FROM rdscnfg.ext_snapshot_schedule AS standing
    WHERE standing.ext_file_config_sid = NEW.ext_file_config_sid
        AND NOT (
            btrim(coalesce(NEW.rule_kind, '')) = 'snapshot'
            AND btrim(coalesce(NEW.schedule, '')) <> ''
            AND standing.tgt_table_name IN (
                SELECT btrim(listed.name)
                FROM regexp_split_to_table(coalesce(NEW.tgt_table_name, ''), ',') AS listed (name)
            )
        );

    INSERT INTO rdscnfg.ext_snapshot_schedule AS standing (
        ext_file_config_sid,
        tgt_table_name,
        in_operation,
        schedule,
        due_at
    )
    SELECT DISTINCT
        NEW.ext_file_config_sid,
        btrim(listed.name),
        coalesce(NEW.oprtnl_flag = 'A', false) AND NOT NEW.paused,
        concat_ws(' ', btrim(NEW.schedule), nullif(btrim(NEW.schedule_timezone), '')),
        to_timestamp(0)
    FROM regexp_split_to_table(coalesce(NEW.tgt_table_name, ''), ',') AS listed (name)
    WHERE btrim(coalesce(NEW.rule_kind, '')) = 'snapshot'
        AND btrim(coalesce(NEW.schedule, '')) <> ''
        AND btrim(listed.name) <> ''
    ON CONFLICT (ext_file_config_sid, tgt_table_name) DO UPDATE
    SET
        in_operation = excluded.in_operation,
        schedule = excluded.schedule,
        due_at = CASE
            WHEN standing.schedule <> excluded.schedule OR standing.outcome = 'failed' THEN excluded.due_at
            ELSE standing.due_at
        END;
    RETURN NULL;
END
$body$;

CREATE TRIGGER ext_file_config_scheduled
    AFTER INSERT OR UPDATE ON rdscnfg.ext_file_config
    FOR EACH ROW
    WHEN (NEW.schedule IS NOT NULL)
    EXECUTE FUNCTION rdscnfg.ext_snapshot_schedule_follow();

CREATE TRIGGER ext_file_config_unscheduled
    AFTER UPDATE ON rdscnfg.ext_file_config
    FOR EACH ROW
    WHEN (OLD.schedule IS NOT NULL AND NEW.schedule IS NULL)
    EXECUTE FUNCTION rdscnfg.ext_snapshot_schedule_follow();

-- Files that are expected at certain times: what a rule says of them, how far its times were judged, and those at which too few
-- files came.

-- As with the other words of a rule, no constraint says which there are: the rule check names every fault at once.
ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS expected_schedule text,
    ADD COLUMN IF NOT EXISTS expected_timezone text,
    ADD COLUMN IF NOT EXISTS expected_grace_minutes integer,
    ADD COLUMN IF NOT EXISTS expected_files integer;

COMMENT ON COLUMN rdscnfg.ext_file_config.expected_schedule IS
    'By when files are expected, as cron writes it: 0 6 * * *. People are told when too few came.';
COMMENT ON COLUMN rdscnfg.ext_file_config.expected_timezone IS
    'By whose clocks expected_schedule tells the time, by the name in the IANA database; empty: UTC.';
COMMENT ON COLUMN rdscnfg.ext_file_config.expected_grace_minutes IS
    'How long after each time of expected_schedule a file may still come; empty: not at all.';
COMMENT ON COLUMN rdscnfg.ext_file_config.expected_files IS
    'How many files come at least for each time of expected_schedule; empty: 1.';

-- One row for each rule that expects files; rules make and take them away by triggers.
CREATE TABLE rdscnfg.ext_file_expectation (
    ext_file_config_sid integer NOT NULL,
    in_operation boolean NOT NULL,
    expected_schedule text NOT NULL,
    expected_timezone text,
    expected_grace_minutes integer,
    expected_files integer,
    changes integer NOT NULL DEFAULT 0,
    counted_until timestamptz,
    next_at timestamptz,
    missed_last boolean NOT NULL DEFAULT false,
    due_at timestamptz NOT NULL,
    CONSTRAINT ext_file_expectation_pk PRIMARY KEY (ext_file_config_sid),
    CONSTRAINT ext_file_expectation_rule_fk FOREIGN KEY (ext_file_config_sid)
        REFERENCES rdscnfg.ext_file_config (ext_file_config_sid) ON DELETE CASCADE,
    CONSTRAINT ext_file_expectation_progress_whole CHECK ((counted_until IS NULL) = (next_at IS NULL)),
    CONSTRAINT ext_file_expectation_missed_has_progress CHECK (NOT missed_last OR next_at IS NOT NULL)
);

COMMENT ON TABLE rdscnfg.ext_file_expectation IS
    'Rules that expect files at certain times, and how far these times were judged.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.in_operation IS
    'Whether the rule, its feed and its target are in operation and the rule is not paused.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.changes IS
    'How often it began anew: whoever judged it as it was before writes nothing.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.counted_until IS
    'Files up to then count no more. Empty, like next_at, where it begins anew.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.next_at IS
    'The time that is judged next.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.missed_last IS
    'Whether the time before it was missed.';
COMMENT ON COLUMN rdscnfg.ext_file_expectation.due_at IS
    'When it is judged; long past where it begins anew.';

CREATE INDEX ext_file_expectation_due ON rdscnfg.ext_file_expectation (due_at, ext_file_config_sid)
    WHERE in_operation;

-- What these rules expect now. One that is new, was changed or is in operation again begins anew: what was under way before is
-- not judged. With its owner's rights: whoever may write rules need not be granted the table.
-- The race: a rule that is changed while it is judged. Whoever judges writes only where nothing began anew (changes).
CREATE FUNCTION rdscnfg.ext_file_expectation_follow(changed integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    DELETE FROM rdscnfg.ext_file_expectation AS standing
    USING rdscnfg.ext_file_config AS config
    WHERE standing.ext_file_config_sid = ANY (changed)
        AND config.ext_file_config_sid = standing.ext_file_config_sid
        AND btrim(coalesce(config.expected_schedule, '')) = '';

    INSERT INTO rdscnfg.ext_file_expectation AS standing (
        ext_file_config_sid,
        in_operation,
        expected_schedule,
        expected_timezone,
        expected_grace_minutes,
        expected_files,
        due_at
    )
    SELECT
        config.ext_file_config_sid,
        coalesce(
            config.oprtnl_flag = 'A'
            AND NOT config.paused
            AND interface.oprtnl_flag = 'A'
            AND (config.ext_target_sid IS NULL OR target.oprtnl_flag = 'A'),
            false
        ),
        btrim(config.expected_schedule),
        nullif(btrim(config.expected_timezone), ''),
        config.expected_grace_minutes,
        config.expected_files,
        to_timestamp(0)
    FROM rdscnfg.ext_file_config AS config
    LEFT JOIN rdscnfg.ext_interface AS interface
        ON interface.ext_interface_cid = config.ext_interface_cid
    LEFT JOIN rdscnfg.ext_target AS target
        ON target.ext_target_sid = config.ext_target_sid
    WHERE config.ext_file_config_sid = ANY (changed)
        AND btrim(coalesce(config.expected_schedule, '')) <> ''
    ON CONFLICT (ext_file_config_sid) DO UPDATE
    SET
        in_operation = excluded.in_operation,
        expected_schedule = excluded.expected_schedule,
        expected_timezone = excluded.expected_timezone,
        expected_grace_minutes = excluded.expected_grace_minutes,
        expected_files = excluded.expected_files,
        changes = standing.changes + 1,
        counted_until = NULL,
        next_at = NULL,
        missed_last = false,
        due_at = excluded.due_at
    WHERE (
        standing.in_operation,
        standing.expected_schedule,
        standing.expected_timezone,
        standing.expected_grace_minutes,
        standing.expected_files
    ) IS DISTINCT FROM (
        excluded.in_operation,
        excluded.expected_schedule,
        excluded.expected_timezone,
        excluded.expected_grace_minutes,
        excluded.expected_files
    );
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_expectation_follow_rule() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_expectation_follow(ARRAY[NEW.ext_file_config_sid]);
    RETURN NULL;
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_expectation_follow_interface() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_expectation_follow(
        ARRAY(
            SELECT config.ext_file_config_sid
            FROM rdscnfg.ext_file_config AS config
            WHERE config.ext_interface_cid = NEW.ext_interface_cid
                AND config.expected_schedule IS NOT NULL
        )
    );
    RETURN NULL;
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_expectation_follow_target() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_expectation_follow(
        ARRAY(
            SELECT config.ext_file_config_sid
            FROM rdscnfg.ext_file_config AS config
            WHERE config.ext_target_sid = NEW.ext_target_sid
                AND config.expected_schedule IS NOT NULL
        )
    );
    RETURN NULL;
END
$body$;

CREATE TRIGGER ext_file_config_expects
    AFTER INSERT OR UPDATE ON rdscnfg.ext_file_config
    FOR EACH ROW
    WHEN (NEW.expected_schedule IS NOT NULL)
    EXECUTE FUNCTION rdscnfg.ext_file_expectation_follow_rule();

CREATE TRIGGER ext_file_config_expects_no_more
    AFTER UPDATE ON rdscnfg.ext_file_config
    FOR EACH ROW
    WHEN (OLD.expected_schedule IS NOT NULL AND NEW.expected_schedule IS NULL)
    EXECUTE FUNCTION rdscnfg.ext_file_expectation_follow_rule();

CREATE TRIGGER ext_interface_expects
    AFTER UPDATE ON rdscnfg.ext_interface
    FOR EACH ROW
    WHEN (OLD.oprtnl_flag IS DISTINCT FROM NEW.oprtnl_flag)
    EXECUTE FUNCTION rdscnfg.ext_file_expectation_follow_interface();

CREATE TRIGGER ext_target_expects
    AFTER UPDATE ON rdscnfg.ext_target
    FOR EACH ROW
    WHEN (OLD.oprtnl_flag IS DISTINCT FROM NEW.oprtnl_flag)
    EXECUTE FUNCTION rdscnfg.ext_file_expectation_follow_target();

-- One row for each time at which too few files came. Nothing is pruned, as on the ledger.
CREATE TABLE rdscnfg.ext_file_late (
    late_id bigint GENERATED ALWAYS AS IDENTITY,
    ext_file_config_sid integer NOT NULL,
    ext_interface_cid numeric(30) NOT NULL,
    interface_name text NOT NULL,
    table_name text,
    expected_at timestamptz NOT NULL,
    expected_timezone text NOT NULL,
    grace_until timestamptz NOT NULL,
    awaited_until timestamptz NOT NULL,
    expected_files integer NOT NULL,
    arrived_files integer NOT NULL,
    newest_load_id uuid,
    newest_file_name text,
    newest_file_at timestamptz,
    follows_missed boolean NOT NULL,
    found_at timestamptz NOT NULL,
    arrived_at timestamptz,
    settled_at timestamptz,
    CONSTRAINT ext_file_late_pk PRIMARY KEY (late_id),
    CONSTRAINT ext_file_late_once UNIQUE (ext_file_config_sid, expected_at),
    CONSTRAINT ext_file_late_times_in_order CHECK (expected_at <= grace_until AND grace_until <= awaited_until),
    CONSTRAINT ext_file_late_is_short CHECK (arrived_files >= 0 AND arrived_files < expected_files),
    CONSTRAINT ext_file_late_newest_whole CHECK (num_nonnulls(newest_load_id, newest_file_name, newest_file_at) IN (0, 3)),
    CONSTRAINT ext_file_late_arrival_is_late CHECK (arrived_at > grace_until AND arrived_at <= awaited_until),
    CONSTRAINT ext_file_late_arrival_settles CHECK (arrived_at IS NULL OR settled_at IS NOT NULL)
);

COMMENT ON TABLE rdscnfg.ext_file_late IS
    'Times at which fewer files of a rule had come than it expects.';
COMMENT ON COLUMN rdscnfg.ext_file_late.ext_file_config_sid IS
    'The rule. No foreign key: what was missed outlives it.';
COMMENT ON COLUMN rdscnfg.ext_file_late.grace_until IS
    'When its grace was over.';
COMMENT ON COLUMN rdscnfg.ext_file_late.awaited_until IS
    'What comes up to then comes late; what comes later is of another time.';
COMMENT ON COLUMN rdscnfg.ext_file_late.newest_load_id IS
    'The newest file of the rule as it was found.';
COMMENT ON COLUMN rdscnfg.ext_file_late.follows_missed IS
    'Whether the time before it was missed too: then a file that comes late counts for the next time as well.';
COMMENT ON COLUMN rdscnfg.ext_file_late.arrived_at IS
    'When what was missing came.';
COMMENT ON COLUMN rdscnfg.ext_file_late.settled_at IS
    'Since when it is known whether that came.';

CREATE INDEX ext_file_late_open ON rdscnfg.ext_file_late (late_id)
    WHERE settled_at IS NULL;
CREATE INDEX ext_file_late_found ON rdscnfg.ext_file_late (found_at);

-- The files that came under a rule, refused ones too: somebody was told of these. None are batches, deliveries of a file to its
-- warehouses, what was sent again and had been loaded, and what happened again: a replay, a refused file that stayed and was taken up again.
CREATE VIEW rdscnfg.ext_file_arrival AS
SELECT
    load.ext_file_config_sid,
    load.load_id,
    load.bucket_name,
    load.object_key,
    load.file_name,
    load.received_at
FROM rdscnfg.ext_file_load AS load
WHERE load.batch_files IS NULL
    AND load.target_name IS NULL
    AND (
        load.state <> 'skipped'
        OR EXISTS (
            SELECT
            FROM rdscnfg.ext_load_operation AS operation
            WHERE operation.load_id = load.load_id
                AND operation.operation = 'skip'
        )
    )
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS original
        WHERE original.load_id = load.replays_load_id
            AND original.ext_file_config_sid = load.ext_file_config_sid
    )
    AND NOT (
        load.listed_at IS NOT NULL
        AND EXISTS (
            SELECT
            FROM rdscnfg.ext_file_load AS earlier
            WHERE earlier.bucket_name = load.bucket_name
                AND earlier.object_key = load.object_key
                AND earlier.etag = load.etag
                AND earlier.parent_load_id IS NULL
                AND earlier.ext_file_config_sid = load.ext_file_config_sid
                AND earlier.received_at < load.received_at
        )
    );

COMMENT ON VIEW rdscnfg.ext_file_arrival IS
    'The files that came under a rule, each once.';

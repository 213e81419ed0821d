-- Rules: whom their outcomes are told to, rules that rest for a while, and every version that a rule ever had.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS success_topic_arn text,
    ADD COLUMN IF NOT EXISTS failure_topic_arn text,
    ADD COLUMN IF NOT EXISTS paused boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS paused_note text;

-- What most rules say need not be said.
ALTER TABLE rdscnfg.ext_file_config
    ALTER COLUMN header_flag SET DEFAULT 'N',
    ALTER COLUMN trailer_flag SET DEFAULT 'N',
    ALTER COLUMN split_file_flag SET DEFAULT 'N';

-- Older tables may want dates from whoever inserts.
ALTER TABLE rdscnfg.ext_interface
    ALTER COLUMN created_date SET DEFAULT CURRENT_TIMESTAMP,
    ALTER COLUMN modified_date SET DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE rdscnfg.ext_file_config
    ALTER COLUMN created_date SET DEFAULT CURRENT_TIMESTAMP,
    ALTER COLUMN modified_date SET DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE rdscnfg.ext_file_config_dtl
    ALTER COLUMN created_date SET DEFAULT CURRENT_TIMESTAMP,
    ALTER COLUMN modified_date SET DEFAULT CURRENT_TIMESTAMP;

COMMENT ON COLUMN rdscnfg.ext_file_config.success_topic_arn IS
    'The topic that is told of files that are loaded, split or skipped; empty: the deployment''s own.';
COMMENT ON COLUMN rdscnfg.ext_file_config.failure_topic_arn IS
    'The topic that is told of files that are rejected or fail; empty: the deployment''s own.';
COMMENT ON COLUMN rdscnfg.ext_file_config.paused IS
    'Whether the rule''s files wait instead of being loaded; they go on by themselves once it is false again.';
COMMENT ON COLUMN rdscnfg.ext_file_config.paused_note IS
    'Why it is paused, and by whom.';

CREATE TABLE rdscnfg.ext_file_config_version (
    ext_file_config_sid integer NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    since timestamptz NOT NULL,
    changed_by text NOT NULL,
    reason text,
    changed_in xid8 NOT NULL,
    CONSTRAINT ext_file_config_version_pk PRIMARY KEY (ext_file_config_sid, version),
    CONSTRAINT ext_file_config_version_counts CHECK (version > 0),
    CONSTRAINT ext_file_config_version_content_is_row CHECK (jsonb_typeof(content) = 'object')
);

COMMENT ON TABLE rdscnfg.ext_file_config_version IS
    'What every rule said, and since when: written by triggers, so that an UPDATE by hand leaves one too.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.ext_file_config_sid IS
    'The rule. No foreign key: what it said outlives it.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.version IS
    'Counted from 1 for each rule.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.content IS
    'The rule''s row without its dates and without what is empty, and its columns in their order.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.changed_by IS
    'The operator that longshore was told of, else the database''s user.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.reason IS
    'Why, in the operator''s words; empty for a change by hand.';
COMMENT ON COLUMN rdscnfg.ext_file_config_version.changed_in IS
    'The transaction: however many statements it has, it makes one version.';

COMMENT ON COLUMN rdscnfg.ext_file_load.waits_for IS
    'The paused warehouse, or the paused rule (rule 71), that it waits for; due as soon as that one is back.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN rule_version integer,
    ADD CONSTRAINT ext_file_load_version_is_a_rules CHECK (
        rule_version IS NULL OR ext_file_config_sid IS NOT NULL
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.rule_version IS
    'The version of the rule that the load runs under; empty for loads from before versions were kept.';

-- What a rule says now, as a version keeps it.
CREATE FUNCTION rdscnfg.ext_file_config_content(rule rdscnfg.ext_file_config) RETURNS jsonb
LANGUAGE sql STABLE
AS $body$
    SELECT
        jsonb_strip_nulls(to_jsonb(rule) - ARRAY['created_date', 'modified_date'])
        || jsonb_build_object(
            'columns',
            (
                SELECT
                    coalesce(
                        jsonb_agg(
                            jsonb_strip_nulls(
                                to_jsonb(detail) - ARRAY['ext_file_config_sid', 'created_date', 'modified_date']
                            )
                            ORDER BY detail.column_order_sqnc, detail.ext_file_config_dtl_sid
                        ),
                        '[]'
                    )
                FROM rdscnfg.ext_file_config_dtl AS detail
                WHERE detail.ext_file_config_sid = rule.ext_file_config_sid
            )
        )
$body$;

-- Keeps what these rules say now, where it is another thing than their newest version says. Who changes a rule and its
-- columns in one transaction makes one version. The race: two transactions that change one rule at once. The rule's row
-- is locked first, in the order of numbers, so the second waits, sees what the first has committed, and counts on from it.
-- With its owner's rights: whoever may write rules need not be granted the table of versions.
CREATE FUNCTION rdscnfg.ext_file_config_keep_version(changed integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    changer text := coalesce(nullif(current_setting('longshore.operator', true), ''), session_user);
    why text := nullif(current_setting('longshore.reason', true), '');
BEGIN
    PERFORM
    FROM rdscnfg.ext_file_config AS config
    WHERE config.ext_file_config_sid = ANY (changed)
    ORDER BY config.ext_file_config_sid
    FOR NO KEY UPDATE;

    INSERT INTO rdscnfg.ext_file_config_version AS kept (
        ext_file_config_sid,
        version,
        content,
        since,
        changed_by,
        reason,
        changed_in
    )
    SELECT
        config.ext_file_config_sid,
        CASE
            WHEN newest.changed_in = pg_current_xact_id() THEN newest.version
            ELSE coalesce(newest.version, 0) + 1
        END,
        now_says.content,
        CURRENT_TIMESTAMP,
        changer,
        why,
        pg_current_xact_id()
    FROM rdscnfg.ext_file_config AS config
    CROSS JOIN LATERAL (
        SELECT rdscnfg.ext_file_config_content(config) AS content
    ) AS now_says
    LEFT JOIN LATERAL (
        SELECT
            earlier.version,
            earlier.content,
            earlier.changed_in
        FROM rdscnfg.ext_file_config_version AS earlier
        WHERE earlier.ext_file_config_sid = config.ext_file_config_sid
        ORDER BY earlier.version DESC
        LIMIT 1
    ) AS newest ON true
    WHERE config.ext_file_config_sid = ANY (changed)
        AND newest.content IS DISTINCT FROM now_says.content
    ON CONFLICT (ext_file_config_sid, version) DO UPDATE
    SET
        content = excluded.content,
        changed_by = excluded.changed_by,
        reason = excluded.reason;
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_config_changed() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_config_keep_version(
        ARRAY(SELECT DISTINCT row_now.ext_file_config_sid FROM rows_now AS row_now)
    );
    RETURN NULL;
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_config_dtl_removed() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_config_keep_version(
        ARRAY(SELECT DISTINCT row_then.ext_file_config_sid FROM rows_then AS row_then)
    );
    RETURN NULL;
END
$body$;

CREATE FUNCTION rdscnfg.ext_file_config_dtl_moved() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    PERFORM rdscnfg.ext_file_config_keep_version(
        ARRAY(
            SELECT row_now.ext_file_config_sid FROM rows_now AS row_now
            UNION
            SELECT row_then.ext_file_config_sid FROM rows_then AS row_then
        )
    );
    RETURN NULL;
END
$body$;

CREATE TRIGGER ext_file_config_inserted
    AFTER INSERT ON rdscnfg.ext_file_config
    REFERENCING NEW TABLE AS rows_now
    FOR EACH STATEMENT
    EXECUTE FUNCTION rdscnfg.ext_file_config_changed();

CREATE TRIGGER ext_file_config_updated
    AFTER UPDATE ON rdscnfg.ext_file_config
    REFERENCING OLD TABLE AS rows_then NEW TABLE AS rows_now
    FOR EACH STATEMENT
    EXECUTE FUNCTION rdscnfg.ext_file_config_changed();

-- Every load that waited for a rule may go on once that one is no longer paused, whoever says so and how. The race: a load
-- that begins to wait at the same time locks the rule's row (load_wait_for_rule.sql), so it is seen here or sees the end.
CREATE FUNCTION rdscnfg.ext_file_config_wake_loads() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    UPDATE rdscnfg.ext_file_load
    SET
        due_at = NULL,
        waits_for = NULL
    WHERE waits_for = 'rule ' || NEW.ext_file_config_sid;
    RETURN NULL;
END
$body$;

CREATE TRIGGER ext_file_config_resumed
    AFTER UPDATE ON rdscnfg.ext_file_config
    FOR EACH ROW
    WHEN (OLD.paused AND NOT NEW.paused)
    EXECUTE FUNCTION rdscnfg.ext_file_config_wake_loads();

CREATE TRIGGER ext_file_config_dtl_inserted
    AFTER INSERT ON rdscnfg.ext_file_config_dtl
    REFERENCING NEW TABLE AS rows_now
    FOR EACH STATEMENT
    EXECUTE FUNCTION rdscnfg.ext_file_config_changed();

CREATE TRIGGER ext_file_config_dtl_updated
    AFTER UPDATE ON rdscnfg.ext_file_config_dtl
    REFERENCING OLD TABLE AS rows_then NEW TABLE AS rows_now
    FOR EACH STATEMENT
    EXECUTE FUNCTION rdscnfg.ext_file_config_dtl_moved();

CREATE TRIGGER ext_file_config_dtl_deleted
    AFTER DELETE ON rdscnfg.ext_file_config_dtl
    REFERENCING OLD TABLE AS rows_then
    FOR EACH STATEMENT
    EXECUTE FUNCTION rdscnfg.ext_file_config_dtl_removed();

-- The rules that are there already begin with version 1.
SELECT rdscnfg.ext_file_config_keep_version(
    ARRAY(SELECT config.ext_file_config_sid FROM rdscnfg.ext_file_config AS config)
);

-- Writes whole rows of a table of rules: each into the row of its key, or as a new one. The columns are named by the caller,
-- who has them from the catalogue: one that another migration adds is written without a word here. Of a new row the others
-- get their defaults.
CREATE FUNCTION rdscnfg.ext_rule_rows_write(sheet regclass, key_column text, names text[], given jsonb) RETURNS void
LANGUAGE plpgsql
AS $body$
DECLARE
    listed text;
    assigned text;
BEGIN
    SELECT
        string_agg(format('%I', named.name), ', '),
        string_agg(format('%1$I = given.%1$I', named.name), ', ')
    INTO listed, assigned
    FROM unnest(names) AS named (name);

    EXECUTE format(
        'UPDATE %1$s AS written SET %2$s, modified_date = CURRENT_TIMESTAMP'
        ' FROM jsonb_populate_recordset(NULL::%1$s, $1) AS given WHERE written.%3$I = given.%3$I',
        sheet, assigned, key_column
    ) USING given;

    EXECUTE format(
        'INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1) AS given'
        ' WHERE NOT EXISTS (SELECT FROM %1$s AS written WHERE written.%3$I = given.%3$I)',
        sheet, listed, key_column
    ) USING given;
END
$body$;

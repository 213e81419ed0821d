-- One id for everything that is done with a file: in the logs of every function, in statement names, in messages.

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN trace_id text,
    ADD CONSTRAINT ext_file_load_trace_in_form CHECK (trace_id ~ '^1-[0-9a-f]{8}-[0-9a-f]{24}$');

COMMENT ON COLUMN rdscnfg.ext_file_load.trace_id IS
    'The AWS X-Ray trace id of the invocation that claimed the file, or one of the same form that was made here. Empty for loads of before it was kept.';

-- A load that no invocation of a function put here, such as one found by listing, a replay or a batch, has an id too. A part is
-- followed with its file.
CREATE FUNCTION rdscnfg.ext_file_load_trace() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF NEW.parent_load_id IS NOT NULL THEN
        NEW.trace_id := (
            SELECT parent.trace_id
            FROM rdscnfg.ext_file_load AS parent
            WHERE parent.load_id = NEW.parent_load_id
        );
    END IF;
    NEW.trace_id := coalesce(
        NEW.trace_id,
        format(
            '1-%s-%s',
            lpad(to_hex(extract(epoch FROM NEW.received_at)::bigint), 8, '0'),
            left(replace(NEW.load_id::text, '-', ''), 24)
        )
    );
    RETURN NEW;
END
$body$;

CREATE TRIGGER ext_file_load_trace
    BEFORE INSERT ON rdscnfg.ext_file_load
    FOR EACH ROW
    WHEN (NEW.trace_id IS NULL)
    EXECUTE FUNCTION rdscnfg.ext_file_load_trace();

-- A follow-up that failed may be run again by hand.
INSERT INTO rdscnfg.ext_load_transition (from_state, to_state)
VALUES ('transform_failed', 'transforming');

ALTER TABLE rdscnfg.ext_load_operation
    DROP CONSTRAINT ext_load_operation_known,
    ADD CONSTRAINT ext_load_operation_known CHECK (
        operation IN ('replay', 'cancel', 'release', 'skip', 'forget', 'follow_up')
    );

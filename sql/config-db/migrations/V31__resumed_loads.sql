-- Since when a load is under way again that had waited as it was told to, or had ended: until then nobody was to see to it.

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN resumed_at timestamptz;

COMMENT ON COLUMN rdscnfg.ext_file_load.resumed_at IS
    'When it last went on after its rule had been paused, or its follow-up had failed and was run again; empty where neither was.';

-- As before, and when.
CREATE OR REPLACE FUNCTION rdscnfg.ext_file_config_wake_loads() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    UPDATE rdscnfg.ext_file_load
    SET
        due_at = NULL,
        waits_for = NULL,
        resumed_at = now()
    WHERE waits_for = 'rule ' || NEW.ext_file_config_sid;
    RETURN NULL;
END
$body$;

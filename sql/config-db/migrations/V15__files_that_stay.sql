-- Files that are read where they lie and stay there: those of a data lake belong to somebody else.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS archive_flag text;

COMMENT ON COLUMN rdscnfg.ext_file_config.archive_flag IS
    'N: files stay where they landed, whatever becomes of them. Y (also when empty): they are moved to the archive.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN file_stays boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN rdscnfg.ext_file_load.file_stays IS
    'Whether its file stays where it landed: what the rule said when it was matched.';

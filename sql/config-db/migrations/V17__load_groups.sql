-- Rules whose files form a set: all of it is loaded by one transaction, or nothing. The files of a set gather in a buffer of
-- their own until what says that the set is whole has come too.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS load_group text,
    ADD COLUMN IF NOT EXISTS group_role text,
    ADD COLUMN IF NOT EXISTS group_key text,
    ADD COLUMN IF NOT EXISTS group_files integer,
    ADD COLUMN IF NOT EXISTS group_seconds integer;

COMMENT ON COLUMN rdscnfg.ext_file_config.load_group IS
    'The name of the group whose rules load their files together: a set of them in one transaction, or nothing of it.';
COMMENT ON COLUMN rdscnfg.ext_file_config.group_role IS
    'data (also when empty): its files are loaded. sentinel: its file says that the set is there. control: its file lists the names of the set''s files, one a line.';
COMMENT ON COLUMN rdscnfg.ext_file_config.group_key IS
    'What key_pattern or key_regex calls the value that tells one set from another, for example a business date; empty: the folder. The same in all rules of a group.';
COMMENT ON COLUMN rdscnfg.ext_file_config.group_files IS
    'How many files of this rule a set has; empty: 1 where the group has a sentinel, as the control file says where it has one. Without either each rule says it.';
COMMENT ON COLUMN rdscnfg.ext_file_config.group_seconds IS
    'How long after its first file a set may lack others before all that came of it fails; the same in all rules of a group that say it; 86400 where none does.';

CREATE INDEX ext_file_config_load_group ON rdscnfg.ext_file_config (lower(load_group))
    WHERE load_group IS NOT NULL;

ALTER TABLE rdscnfg.ext_load_buffer
    ADD COLUMN group_name text,
    ADD COLUMN group_set text,
    ADD COLUMN looked_at timestamptz,
    ALTER COLUMN tgt_schema_name DROP NOT NULL,
    ALTER COLUMN tgt_table_name DROP NOT NULL,
    ADD CONSTRAINT ext_load_buffer_set_of_group CHECK ((group_name IS NULL) = (group_set IS NULL)),
    ADD CONSTRAINT ext_load_buffer_has_table CHECK (
        group_name IS NOT NULL OR (tgt_schema_name IS NOT NULL AND tgt_table_name IS NOT NULL)
    );

COMMENT ON COLUMN rdscnfg.ext_load_buffer.group_name IS
    'Of a set, its group. Its files have a table each.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.group_set IS
    'What tells the set from others of its group: a value of the key, or the folder.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.looked_at IS
    'When it was last looked at whether the set is whole.';

-- The sets that wait, the one that was not looked at for longest first.
CREATE INDEX ext_load_buffer_sets ON rdscnfg.ext_load_buffer (looked_at NULLS FIRST, first_at)
    WHERE files > 0 AND group_name IS NOT NULL;

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN set_part jsonb,
    ADD CONSTRAINT ext_file_load_set_part_in_buffer CHECK (set_part IS NULL OR buffer_id IS NOT NULL),
    DROP CONSTRAINT ext_file_load_prepared_is_whole,
    ADD CONSTRAINT ext_file_load_prepared_is_whole CHECK (
        state IN ('received', 'rejected', 'split', 'skipped')
        OR (
            ext_file_config_sid IS NOT NULL
            AND (tgt_table_name IS NOT NULL OR set_part IS NOT NULL)
            AND prepared_at IS NOT NULL
            AND (jsonb_array_length(sources) > 0 OR batch_files IS NOT NULL)
            AND ((manifest_key IS NOT NULL AND plan IS NOT NULL) OR (buffer_id IS NOT NULL AND batch_files IS NULL))
        )
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.set_part IS
    'What it brings to the set that it waits in: how its file is loaded, or what its file says of the set. Holds no secret.';

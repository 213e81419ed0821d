-- What becomes of columns that a file's header names and its rule does not. As with the other words of a rule, no constraint
-- says which there are: the rule check names every fault of a row at once and says what is right.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS drift_policy text,
    ADD COLUMN IF NOT EXISTS extra_column text;

COMMENT ON COLUMN rdscnfg.ext_file_config.drift_policy IS
    'What is done about columns that a header names and the rule does not: fail (also when empty), ignore_extra, add_column, keep_extra.';
COMMENT ON COLUMN rdscnfg.ext_file_config.extra_column IS
    'For keep_extra: the SUPER column of the table that takes them, by name.';

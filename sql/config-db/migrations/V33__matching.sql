-- Rules that are about one bucket, that take some of the files in a folder, and that pass objects over.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS name_filter text,
    ADD COLUMN IF NOT EXISTS ignore_names text,
    ADD COLUMN IF NOT EXISTS bucket text;

COMMENT ON COLUMN rdscnfg.ext_file_config.name_filter IS
    'With key_pattern: an expression over what follows the folder; only files that it matches are taken.';
COMMENT ON COLUMN rdscnfg.ext_file_config.ignore_names IS
    'Objects that are passed over, with comma: names (_SUCCESS, *.crc), folders (_temporary/), or * for all that name_filter leaves.';
COMMENT ON COLUMN rdscnfg.ext_file_config.bucket IS
    'The bucket whose files the rule takes, with * for any text; empty: of any bucket.';

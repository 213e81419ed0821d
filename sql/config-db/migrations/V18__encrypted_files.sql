-- Files that their sender encrypted with a key of his own.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS encryption_secret text;

COMMENT ON COLUMN rdscnfg.ext_file_config.encryption_secret IS
    'The secret, by name or ARN, whose key files are encrypted with before they are sent; empty: they are not.';

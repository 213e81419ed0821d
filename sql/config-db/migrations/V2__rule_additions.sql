-- What a rule can say beyond the older framework: all of it nullable or with a default, so that older rows mean what they
-- meant. The words are not constrained here: the rule check names every fault of a row at once and says what is right,
-- a constraint names one and says neither.

CREATE TABLE rdscnfg.ext_target (
    ext_target_sid integer NOT NULL,
    target_name text NOT NULL,
    cluster_identifier text,
    workgroup_name text,
    database_name text NOT NULL,
    secret_arn text,
    database_user text,
    iam_role text NOT NULL,
    region text NOT NULL,
    oprtnl_flag text NOT NULL DEFAULT 'A',
    created_date timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified_date timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT ext_target_pk PRIMARY KEY (ext_target_sid),
    CONSTRAINT ext_target_name_unique UNIQUE (target_name)
);

COMMENT ON TABLE rdscnfg.ext_target IS
    'A warehouse other than the deployment''s own.';
COMMENT ON COLUMN rdscnfg.ext_target.cluster_identifier IS
    'A provisioned cluster; either this or workgroup_name.';
COMMENT ON COLUMN rdscnfg.ext_target.workgroup_name IS
    'A serverless workgroup; either this or cluster_identifier.';
COMMENT ON COLUMN rdscnfg.ext_target.secret_arn IS
    'The secret to log in with; either this or database_user, or neither for the calling identity.';
COMMENT ON COLUMN rdscnfg.ext_target.database_user IS
    'The user to log in as with temporary credentials; provisioned clusters only.';
COMMENT ON COLUMN rdscnfg.ext_target.iam_role IS
    'The role that COPY reads the bucket with, or default.';
COMMENT ON COLUMN rdscnfg.ext_target.region IS
    'The region of the buckets that COPY reads.';
COMMENT ON COLUMN rdscnfg.ext_target.oprtnl_flag IS
    'A: in operation. Anything else switches every rule that names the target off.';

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS key_pattern text,
    ADD COLUMN IF NOT EXISTS key_regex text,
    ADD COLUMN IF NOT EXISTS compression text,
    ADD COLUMN IF NOT EXISTS quote_char text,
    ADD COLUMN IF NOT EXISTS null_as text,
    ADD COLUMN IF NOT EXISTS date_format text,
    ADD COLUMN IF NOT EXISTS time_format text,
    ADD COLUMN IF NOT EXISTS encoding text,
    ADD COLUMN IF NOT EXISTS invalid_bytes text,
    ADD COLUMN IF NOT EXISTS header_policy text,
    ADD COLUMN IF NOT EXISTS trailer_tag text,
    ADD COLUMN IF NOT EXISTS json_paths text,
    ADD COLUMN IF NOT EXISTS copy_options text,
    ADD COLUMN IF NOT EXISTS prepared_compression text,
    ADD COLUMN IF NOT EXISTS file_name_column text DEFAULT 'file_name',
    ADD COLUMN IF NOT EXISTS load_id_column text,
    ADD COLUMN IF NOT EXISTS ext_target_sid integer
        CONSTRAINT ext_file_config_target_fk REFERENCES rdscnfg.ext_target (ext_target_sid);

COMMENT ON COLUMN rdscnfg.ext_file_config.key_pattern IS
    'Finds files by folder with wildcards (data/orders/yyyy=*/mm=*) instead of by file_prefix.';
COMMENT ON COLUMN rdscnfg.ext_file_config.key_regex IS
    'Finds files by a regular expression over the whole key instead of by file_prefix.';
COMMENT ON COLUMN rdscnfg.ext_file_config.compression IS
    'none, gzip, bzip2, lzop or zstd; empty: as file_format says.';
COMMENT ON COLUMN rdscnfg.ext_file_config.quote_char IS
    'The character around quoted fields.';
COMMENT ON COLUMN rdscnfg.ext_file_config.null_as IS
    'The text that stands for NULL.';
COMMENT ON COLUMN rdscnfg.ext_file_config.date_format IS
    'How dates are written, as COPY''s DATEFORMAT takes it; empty: auto.';
COMMENT ON COLUMN rdscnfg.ext_file_config.time_format IS
    'How times are written, as COPY''s TIMEFORMAT takes it; empty: auto.';
COMMENT ON COLUMN rdscnfg.ext_file_config.encoding IS
    'UTF8, UTF16, UTF16LE, UTF16BE or ISO88591; empty: UTF8.';
COMMENT ON COLUMN rdscnfg.ext_file_config.invalid_bytes IS
    'What is done about bytes that are no characters: reject (also when empty) or replace.';
COMMENT ON COLUMN rdscnfg.ext_file_config.header_policy IS
    'What a header must say: ignore, names or names_and_order.';
COMMENT ON COLUMN rdscnfg.ext_file_config.trailer_tag IS
    'What the trailer begins with; the count follows it.';
COMMENT ON COLUMN rdscnfg.ext_file_config.json_paths IS
    'For json and avro: auto, auto ignorecase, noshred, or the s3:// address of a paths file.';
COMMENT ON COLUMN rdscnfg.ext_file_config.copy_options IS
    'Further options for COPY.';
COMMENT ON COLUMN rdscnfg.ext_file_config.prepared_compression IS
    'How prepared copies are compressed.';
COMMENT ON COLUMN rdscnfg.ext_file_config.file_name_column IS
    'The target''s column that takes the file''s name; empty for a target without one.';
COMMENT ON COLUMN rdscnfg.ext_file_config.load_id_column IS
    'The target''s column that takes the load''s id; empty for a target without one.';
COMMENT ON COLUMN rdscnfg.ext_file_config.ext_target_sid IS
    'The warehouse; empty for the deployment''s own.';

-- The look-up of a token, written as rule_list.sql writes it.
CREATE INDEX ext_file_config_token ON rdscnfg.ext_file_config
    ((rtrim(btrim(file_prefix::text, E' \t\r\n'), '.')));
CREATE INDEX ext_file_config_dtl_config ON rdscnfg.ext_file_config_dtl (ext_file_config_sid);

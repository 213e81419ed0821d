-- What a load does with the rows that its table has, and the SQL that runs in its transaction. All of it is nullable: a rule
-- without a mode appends, as ever. The words are not constrained here: the rule check names every fault of a row at once.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS load_mode text,
    ADD COLUMN IF NOT EXISTS merge_keys text,
    ADD COLUMN IF NOT EXISTS merge_order text,
    ADD COLUMN IF NOT EXISTS period_column text,
    ADD COLUMN IF NOT EXISTS period_value text,
    ADD COLUMN IF NOT EXISTS pre_sql text,
    ADD COLUMN IF NOT EXISTS post_sql text;

COMMENT ON COLUMN rdscnfg.ext_file_config.load_mode IS
    'What happens to the rows that are there: append (also when empty), truncate, merge or replace_period.';
COMMENT ON COLUMN rdscnfg.ext_file_config.merge_keys IS
    'For merge: the columns that tell a row from any other, with commas.';
COMMENT ON COLUMN rdscnfg.ext_file_config.merge_order IS
    'For merge: the timestamps or numbers by which the newest row wins, the first one first, with commas; empty: the incoming row wins.';
COMMENT ON COLUMN rdscnfg.ext_file_config.period_column IS
    'For replace_period: the column whose rows of the file''s period are replaced.';
COMMENT ON COLUMN rdscnfg.ext_file_config.period_value IS
    'For replace_period: the file''s period, with placeholders such as {business_date} that are filled from its key.';
COMMENT ON COLUMN rdscnfg.ext_file_config.pre_sql IS
    'SQL that runs in the load''s transaction before rows are moved; {placeholders} are filled from the key, as literals.';
COMMENT ON COLUMN rdscnfg.ext_file_config.post_sql IS
    'SQL that runs in the load''s transaction after rows are moved; {placeholders} are filled from the key, as literals.';
COMMENT ON COLUMN rdscnfg.ext_file_config.resend_policy IS
    'What is done about a file that was loaded before: skip, reload or accept; empty: skip, in another load_mode than append accept.';

-- Files that are loaded together. What may go into one transaction gathers in a buffer; a batch is a load that carries a
-- number of them. The batch has everything a load has: plan, attempts, retries, outcome.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS batch_files integer,
    ADD COLUMN IF NOT EXISTS batch_bytes bigint,
    ADD COLUMN IF NOT EXISTS batch_seconds integer,
    ADD COLUMN IF NOT EXISTS batch_concurrency text,
    ADD COLUMN IF NOT EXISTS batch_order text,
    ADD COLUMN IF NOT EXISTS batch_divide_flag text;

COMMENT ON COLUMN rdscnfg.ext_file_config.batch_files IS
    'Files wait for each other until there are so many, at most 1000; with batch_bytes and batch_seconds, whichever comes first. All three and batch_concurrency empty: each file is loaded by itself.';
COMMENT ON COLUMN rdscnfg.ext_file_config.batch_bytes IS
    'Files wait for each other until they have so many bytes.';
COMMENT ON COLUMN rdscnfg.ext_file_config.batch_seconds IS
    'Files wait for each other until the first of them has waited so long; empty: 3600 where another limit is set.';
COMMENT ON COLUMN rdscnfg.ext_file_config.batch_concurrency IS
    'many (also when empty): batches of one table may be under way side by side. one: a batch waits for the one before it, and what arrives meanwhile goes together into the next.';
COMMENT ON COLUMN rdscnfg.ext_file_config.batch_order IS
    'What key_pattern or key_regex calls the value in whose order files are loaded, for example a business date; empty: as they arrive.';
COMMENT ON COLUMN rdscnfg.ext_file_config.batch_divide_flag IS
    'Y (also when empty): a batch that the warehouse refuses for its contents is divided until the bad file fails alone. N: all of its files fail.';

CREATE TABLE rdscnfg.ext_load_buffer (
    buffer_id uuid NOT NULL,
    bucket_name text NOT NULL,
    ext_file_config_sid integer NOT NULL,
    ext_interface_cid numeric(30) NOT NULL,
    interface_name text NOT NULL,
    tgt_schema_name text NOT NULL,
    tgt_table_name text NOT NULL,
    warehouse text NOT NULL,
    recipe jsonb NOT NULL,
    max_files integer NOT NULL,
    max_bytes bigint,
    max_seconds integer NOT NULL,
    one_at_a_time boolean NOT NULL,
    files integer NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    first_at timestamptz,
    flush_at timestamptz,
    CONSTRAINT ext_load_buffer_pk PRIMARY KEY (buffer_id),
    CONSTRAINT ext_load_buffer_limits_positive CHECK (max_files > 0 AND max_bytes > 0 IS NOT FALSE AND max_seconds >= 0),
    CONSTRAINT ext_load_buffer_counts_not_negative CHECK (files >= 0 AND bytes >= 0),
    CONSTRAINT ext_load_buffer_first_of_files CHECK ((files = 0) = (first_at IS NULL))
);

COMMENT ON TABLE rdscnfg.ext_load_buffer IS
    'What may be loaded by one transaction: the files of one rule as it was, for one table. A rule that is changed has another buffer from then on.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.buffer_id IS
    'Made from bucket and recipe, so that two workers find the same.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.recipe IS
    'The rule as it applied to the files, and where they go. Holds no secret.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.warehouse IS
    'The warehouse by name; with one_at_a_time one batch of its table is under way there.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.files IS
    'How many loads wait in it. They are counted under the lock of this row.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.first_at IS
    'Since when the first of them waits.';
COMMENT ON COLUMN rdscnfg.ext_load_buffer.flush_at IS
    'All that wait in it are due since then, whatever its limits say.';

CREATE INDEX ext_load_buffer_waiting ON rdscnfg.ext_load_buffer (first_at)
    WHERE files > 0;

INSERT INTO rdscnfg.ext_load_transition (from_state, to_state)
VALUES
    ('received', 'batched'),
    ('batched', 'skipped'),
    ('batched', 'loaded'),
    ('batched', 'failed');

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN buffer_id uuid
        CONSTRAINT ext_file_load_buffer_fk REFERENCES rdscnfg.ext_load_buffer (buffer_id),
    ADD COLUMN batch_id uuid
        CONSTRAINT ext_file_load_batch_fk REFERENCES rdscnfg.ext_file_load (load_id),
    ADD COLUMN batch_order text,
    ADD COLUMN batch_share integer,
    ADD COLUMN batch_files integer,
    DROP CONSTRAINT ext_file_load_state_known,
    ADD CONSTRAINT ext_file_load_state_known CHECK (
        state IN (
            'received', 'rejected', 'split', 'skipped', 'batched', 'prepared', 'queued', 'submitted', 'loaded',
            'failed', 'transforming', 'complete', 'transform_failed'
        )
    ),
    DROP CONSTRAINT ext_file_load_prepared_is_whole,
    ADD CONSTRAINT ext_file_load_prepared_is_whole CHECK (
        state IN ('received', 'rejected', 'split', 'skipped')
        OR (
            ext_file_config_sid IS NOT NULL
            AND tgt_table_name IS NOT NULL
            AND prepared_at IS NOT NULL
            AND (jsonb_array_length(sources) > 0 OR batch_files IS NOT NULL)
            AND ((manifest_key IS NOT NULL AND plan IS NOT NULL) OR (buffer_id IS NOT NULL AND batch_files IS NULL))
        )
    ),
    DROP CONSTRAINT ext_file_load_unprepared_has_nothing,
    ADD CONSTRAINT ext_file_load_unprepared_has_nothing CHECK (
        state NOT IN ('received', 'rejected', 'split', 'skipped')
        OR (state = 'skipped' AND buffer_id IS NOT NULL)
        OR (
            manifest_key IS NULL
            AND (plan IS NULL OR state = 'split')
            AND prepared_at IS NULL
            AND submitted_at IS NULL
            AND sources = '[]'
            AND NOT prepared
        )
    ),
    ADD CONSTRAINT ext_file_load_batched_has_buffer CHECK (state <> 'batched' OR buffer_id IS NOT NULL),
    ADD CONSTRAINT ext_file_load_carried_from_buffer CHECK (batch_id IS NULL OR buffer_id IS NOT NULL),
    ADD CONSTRAINT ext_file_load_batch_not_batched CHECK (
        batch_files IS NULL OR (batch_id IS NULL AND state <> 'batched' AND buffer_id IS NOT NULL)
    ),
    ADD CONSTRAINT ext_file_load_batch_counts_positive CHECK (
        batch_share > 0 IS NOT FALSE AND batch_files > 0 IS NOT FALSE
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.buffer_id IS
    'Where it gathered with others; of a batch, where its files came from.';
COMMENT ON COLUMN rdscnfg.ext_file_load.batch_id IS
    'The load that carries it.';
COMMENT ON COLUMN rdscnfg.ext_file_load.batch_order IS
    'The value in whose order it is loaded; empty: as it arrived.';
COMMENT ON COLUMN rdscnfg.ext_file_load.batch_share IS
    'With how many files at most it may be carried, itself among them: less each time that a batch with it was refused.';
COMMENT ON COLUMN rdscnfg.ext_file_load.batch_files IS
    'Of a batch, how many files it carries; empty: it is a file''s load.';

-- The files that wait in a buffer, in the order in which they are loaded.
CREATE INDEX ext_file_load_waiting ON rdscnfg.ext_file_load (buffer_id, batch_order, received_at, load_id)
    WHERE state = 'batched' AND batch_id IS NULL;
-- The files of a batch.
CREATE INDEX ext_file_load_carried ON rdscnfg.ext_file_load (batch_id, batch_order, received_at, load_id)
    WHERE batch_id IS NOT NULL;
-- The batches that are under way.
CREATE INDEX ext_file_load_batch_open ON rdscnfg.ext_file_load (buffer_id)
    WHERE batch_files IS NOT NULL AND finished_at IS NULL;
-- The list of batches.
CREATE INDEX ext_file_load_batches ON rdscnfg.ext_file_load (received_at)
    WHERE batch_files IS NOT NULL;

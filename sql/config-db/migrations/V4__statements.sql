-- What was sent to the warehouse for a load, and what came back.

CREATE TABLE rdscnfg.ext_statement (
    load_id uuid NOT NULL,
    kind text NOT NULL,
    attempt integer NOT NULL,
    statement_name text NOT NULL,
    client_token text NOT NULL,
    steps text[] NOT NULL,
    warehouse text NOT NULL,
    statement_id text,
    state text NOT NULL DEFAULT 'recorded',
    error text,
    failed_step text,
    result_rows bigint,
    query_id bigint,
    duration_ms bigint,
    recorded_at timestamptz NOT NULL,
    submitted_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT ext_statement_pk PRIMARY KEY (load_id, kind, attempt),
    CONSTRAINT ext_statement_load_fk FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_statement_name_unique UNIQUE (statement_name),
    CONSTRAINT ext_statement_kind_known CHECK (kind IN ('load', 'follow_up')),
    CONSTRAINT ext_statement_attempt_positive CHECK (attempt > 0),
    CONSTRAINT ext_statement_has_steps CHECK (cardinality(steps) > 0),
    CONSTRAINT ext_statement_state_known CHECK (
        state IN ('recorded', 'submitted', 'finished', 'failed', 'aborted')
    ),
    CONSTRAINT ext_statement_submitted_has_id CHECK (
        state <> 'submitted' OR (statement_id IS NOT NULL AND submitted_at IS NOT NULL)
    ),
    CONSTRAINT ext_statement_ended_has_time CHECK (
        (state IN ('finished', 'failed', 'aborted')) = (finished_at IS NOT NULL)
    ),
    CONSTRAINT ext_statement_finished_has_no_error CHECK (
        state IN ('failed', 'aborted') OR (error IS NULL AND failed_step IS NULL)
    ),
    CONSTRAINT ext_statement_counts_not_negative CHECK (
        result_rows >= 0 IS NOT FALSE AND duration_ms >= 0 IS NOT FALSE
    )
);

COMMENT ON TABLE rdscnfg.ext_statement IS
    'One try at a statement of a load: written before the call, so that a lost answer is found again.';
COMMENT ON COLUMN rdscnfg.ext_statement.client_token IS
    'The same for every call of one attempt: the service then returns the first call''s statement.';
COMMENT ON COLUMN rdscnfg.ext_statement.steps IS
    'The steps in order: the number of the sub-statement that failed says which step it was.';
COMMENT ON COLUMN rdscnfg.ext_statement.warehouse IS
    'Where it was sent.';
COMMENT ON COLUMN rdscnfg.ext_statement.statement_id IS
    'The warehouse''s id, known once the call was answered or its status event came.';
COMMENT ON COLUMN rdscnfg.ext_statement.result_rows IS
    'Rows that the statement touched, where the warehouse says.';

CREATE UNIQUE INDEX ext_statement_id ON rdscnfg.ext_statement (statement_id)
    WHERE statement_id IS NOT NULL;

CREATE TABLE rdscnfg.ext_load_row_error (
    load_id uuid NOT NULL,
    file_name text NOT NULL,
    line_number bigint NOT NULL,
    column_name text NOT NULL,
    column_type text,
    error_code integer,
    error_message text NOT NULL,
    raw_line text,
    CONSTRAINT ext_load_row_error_pk PRIMARY KEY (load_id, file_name, line_number, column_name),
    CONSTRAINT ext_load_row_error_load_fk FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id)
);

COMMENT ON TABLE rdscnfg.ext_load_row_error IS
    'A row that the warehouse refused, and why. raw_line is row contents: it stays in this table.';

CREATE TABLE rdscnfg.ext_marker_table (
    warehouse text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT ext_marker_table_pk PRIMARY KEY (warehouse, schema_name, table_name)
);

COMMENT ON TABLE rdscnfg.ext_marker_table IS
    'Marker tables known to exist in a warehouse: a saved look-up, safe to empty.';

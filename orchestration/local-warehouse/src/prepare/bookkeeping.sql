-- Where the warehouse keeps its statements. A statement is written once and never changed; what became of it is another row, written in
-- the transaction that did the work. So a statement is finished exactly if its work is there, whatever was killed.
CREATE SCHEMA IF NOT EXISTS longshore_local;

CREATE SEQUENCE IF NOT EXISTS longshore_local.query_id START WITH 1001;

CREATE TABLE IF NOT EXISTS longshore_local.statement (
    statement_id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    statement_name text,
    client_token text,
    is_batch boolean NOT NULL,
    with_event boolean NOT NULL,
    sqls text[] NOT NULL,
    query_ids bigint[] NOT NULL,
    request jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS statement_client_token ON longshore_local.statement (client_token);

CREATE TABLE IF NOT EXISTS longshore_local.outcome (
    statement_id uuid PRIMARY KEY REFERENCES longshore_local.statement ON DELETE CASCADE,
    status text NOT NULL CONSTRAINT outcome_status CHECK (status IN ('FINISHED', 'FAILED', 'ABORTED')),
    summary jsonb NOT NULL,
    ended_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS outcome_end ON longshore_local.outcome (ended_at);

-- How far a batch had come when TRUNCATE committed it; such a batch cannot be run again.
CREATE TABLE IF NOT EXISTS longshore_local.partial_commit (
    statement_id uuid PRIMARY KEY REFERENCES longshore_local.statement ON DELETE CASCADE,
    committed_through integer NOT NULL
);

-- Events that were not handed over yet.
CREATE TABLE IF NOT EXISTS longshore_local.event_due (
    statement_id uuid PRIMARY KEY REFERENCES longshore_local.statement ON DELETE CASCADE,
    event_id uuid NOT NULL
);

CREATE TABLE IF NOT EXISTS longshore_local.result_set (
    statement_id uuid NOT NULL REFERENCES longshore_local.statement ON DELETE CASCADE,
    number integer NOT NULL,
    column_metadata jsonb NOT NULL,
    total_rows bigint NOT NULL,
    PRIMARY KEY (statement_id, number)
);

CREATE TABLE IF NOT EXISTS longshore_local.result_row (
    statement_id uuid NOT NULL REFERENCES longshore_local.statement ON DELETE CASCADE,
    number integer NOT NULL,
    row_number bigint NOT NULL,
    fields jsonb NOT NULL,
    PRIMARY KEY (statement_id, number, row_number)
);

CREATE TABLE IF NOT EXISTS longshore_local.load_error (
    query_id bigint NOT NULL,
    transaction_id bigint NOT NULL,
    session_id integer NOT NULL,
    table_id integer NOT NULL,
    start_time timestamp NOT NULL,
    file_name text NOT NULL,
    line_number bigint NOT NULL,
    column_name text NOT NULL,
    column_type text NOT NULL,
    column_length text NOT NULL,
    position integer NOT NULL,
    raw_line text NOT NULL,
    raw_field_value text NOT NULL,
    error_code integer NOT NULL,
    error_message text NOT NULL,
    start_offset bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS load_error_query ON longshore_local.load_error (query_id);

CREATE TABLE IF NOT EXISTS longshore_local.load_history (
    query_id bigint PRIMARY KEY,
    transaction_id bigint NOT NULL,
    session_id integer NOT NULL,
    status text NOT NULL,
    table_name text NOT NULL,
    start_time timestamp NOT NULL,
    end_time timestamp,
    data_source text NOT NULL,
    file_format text NOT NULL,
    loaded_rows bigint NOT NULL,
    loaded_bytes bigint NOT NULL,
    source_file_count integer NOT NULL,
    source_file_bytes bigint NOT NULL,
    file_count_scanned integer NOT NULL,
    error_count bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS longshore_local.load_detail (
    query_id bigint NOT NULL,
    file_number integer NOT NULL,
    file_name text NOT NULL,
    bytes_scanned bigint NOT NULL,
    lines_scanned bigint NOT NULL,
    record_time timestamp NOT NULL,
    start_time timestamp NOT NULL,
    end_time timestamp NOT NULL,
    PRIMARY KEY (query_id, file_number)
);

-- Removes what is too old, then writes a statement, unless its client token was used within eight hours: then that statement is the answer. The lock makes the second of
-- two simultaneous calls wait for the first; each query in a function sees what was committed before it began.
CREATE OR REPLACE FUNCTION longshore_local.submit(
    new_id uuid, name text, token text, batch boolean, event boolean, texts text[], details jsonb,
    OUT accepted_id uuid, OUT accepted_at timestamptz, OUT is_new boolean
) LANGUAGE plpgsql AS $$
BEGIN
    -- The service keeps a statement for a day. One that another call removes at the same time is left to that call.
    DELETE FROM longshore_local.statement
    WHERE statement.statement_id IN (
        SELECT expired.statement_id
        FROM longshore_local.statement AS expired
            JOIN longshore_local.outcome ON outcome.statement_id = expired.statement_id
        WHERE outcome.ended_at < clock_timestamp() - interval '24 hours'
            AND NOT EXISTS (SELECT 1 FROM longshore_local.event_due WHERE event_due.statement_id = expired.statement_id)
        FOR UPDATE OF expired SKIP LOCKED
    );
    IF token IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(token, 20));
        SELECT statement.statement_id, statement.created_at, false
        INTO accepted_id, accepted_at, is_new
        FROM longshore_local.statement
        WHERE statement.client_token = token
            AND statement.created_at > clock_timestamp() - interval '8 hours'
        ORDER BY statement.sequence DESC
        LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO longshore_local.statement
        (statement_id, statement_name, client_token, is_batch, with_event, sqls, query_ids, request, created_at)
    VALUES (
        new_id, name, token, batch, event, texts,
        ARRAY(SELECT nextval('longshore_local.query_id') FROM generate_subscripts(texts, 1)),
        details, clock_timestamp()
    )
    RETURNING statement_id, created_at, true INTO accepted_id, accepted_at, is_new;
END
$$;

-- The user's name is the server's business, and a schema may have it: tables without a schema go to public all the same.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public', current_database());
    EXECUTE format('ALTER DATABASE %I SET longshore.enable_case_sensitive_identifier = false', current_database());
END
$$;

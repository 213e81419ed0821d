-- Follow-ups of several steps, and the chains that rules name.

CREATE TABLE rdscnfg.ext_chain (
    chain_name text NOT NULL,
    queries jsonb NOT NULL,
    modified_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ext_chain_pk PRIMARY KEY (chain_name),
    CONSTRAINT ext_chain_name_plain CHECK (chain_name ~ '^[a-z0-9][a-z0-9_.-]{0,99}$'),
    CONSTRAINT ext_chain_holds_queries CHECK (
        CASE jsonb_typeof(queries) WHEN 'array' THEN jsonb_array_length(queries) > 0 ELSE false END
    )
);

COMMENT ON TABLE rdscnfg.ext_chain IS
    'Chains of SQL that rules name in query as chain:NAME. A load keeps the chain that it was planned with.';
COMMENT ON COLUMN rdscnfg.ext_chain.queries IS
    'The steps in order, each SQL or an object, in the form that longshore query run takes.';

ALTER TABLE rdscnfg.ext_statement
    ADD COLUMN chain_step integer,
    ADD CONSTRAINT ext_statement_step_of_follow_up CHECK (
        chain_step IS NULL OR (kind = 'follow_up' AND chain_step > 0)
    );

COMMENT ON COLUMN rdscnfg.ext_statement.chain_step IS
    'Which step of a follow-up it is a try at, from 1; empty where the follow-up is a single statement.';

ALTER TABLE rdscnfg.ext_file_audit
    ADD COLUMN IF NOT EXISTS followup_steps jsonb;

COMMENT ON COLUMN rdscnfg.ext_file_audit.followup_steps IS
    'Each step of a follow-up that is a chain: its state, rows, duration and tries; empty where it is a single statement.';

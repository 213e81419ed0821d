-- A call that the service refused was no try at its statement: when it may be made again, nobody need look for what it left.

ALTER TABLE rdscnfg.ext_statement
    ADD COLUMN IF NOT EXISTS refused_at timestamptz;
ALTER TABLE rdscnfg.ext_statement
    ADD CONSTRAINT ext_statement_refused_has_no_id CHECK (refused_at IS NULL OR submitted_at IS NULL);

COMMENT ON COLUMN rdscnfg.ext_statement.refused_at IS
    'When the service last refused the call, where it refused every one before; empty while a call may have taken effect.';

-- What an audit asks beyond the older framework. Nullable, so that its rows and its queries stay what they are.

ALTER TABLE rdscnfg.ext_file_audit
    ADD COLUMN IF NOT EXISTS load_id uuid,
    ADD COLUMN IF NOT EXISTS bucket_name text,
    ADD COLUMN IF NOT EXISTS object_key text,
    ADD COLUMN IF NOT EXISTS object_version text,
    ADD COLUMN IF NOT EXISTS archived_key text,
    ADD COLUMN IF NOT EXISTS size_bytes bigint,
    ADD COLUMN IF NOT EXISTS rows_expected bigint,
    ADD COLUMN IF NOT EXISTS rows_loaded bigint,
    ADD COLUMN IF NOT EXISTS rows_rejected bigint,
    ADD COLUMN IF NOT EXISTS statement_id text,
    ADD COLUMN IF NOT EXISTS followup_status text
        CONSTRAINT ext_file_audit_followup_status_known CHECK (followup_status IN ('FINISHED', 'FAILED', 'ABORTED')),
    ADD COLUMN IF NOT EXISTS followup_error text,
    ADD COLUMN IF NOT EXISTS followup_statement_id text,
    ADD COLUMN IF NOT EXISTS prepare_duration_ms bigint,
    ADD COLUMN IF NOT EXISTS load_duration_ms bigint,
    ADD COLUMN IF NOT EXISTS followup_duration_ms bigint,
    ADD COLUMN IF NOT EXISTS processed_at timestamptz;

COMMENT ON COLUMN rdscnfg.ext_file_audit.load_id IS
    'The load on the ledger; empty on rows of the older framework.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.archived_key IS
    'Where the file lies now.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.rows_expected IS
    'Records counted in the file.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.rows_loaded IS
    'Rows that the warehouse took.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.rows_rejected IS
    'Rows that the warehouse refused and the rule let pass.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.statement_id IS
    'The warehouse''s id of the load transaction.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.followup_status IS
    'How the follow-up SQL came out: FINISHED, FAILED or ABORTED; empty before that, or without one.';
COMMENT ON COLUMN rdscnfg.ext_file_audit.processed_at IS
    'When the outcome was recorded, with its zone.';

-- One row per load. Two functions that conclude one load at once meet here, should they ever pass the ledger's own gate.
CREATE UNIQUE INDEX ext_file_audit_load ON rdscnfg.ext_file_audit (load_id)
    WHERE load_id IS NOT NULL;
CREATE INDEX ext_file_audit_interface ON rdscnfg.ext_file_audit (ext_interface_cid, ext_file_audit_sid);

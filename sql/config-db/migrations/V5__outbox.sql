-- Messages are written in the transaction that puts the outcome on record, and sent after it: an outcome without its
-- message, or a message without its outcome, cannot be.

CREATE TABLE rdscnfg.ext_outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY,
    load_id uuid NOT NULL,
    outcome text NOT NULL,
    topic_arn text NOT NULL,
    message jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    sender text,
    send_until timestamptz,
    sent_at timestamptz,
    message_id text,
    CONSTRAINT ext_outbox_pk PRIMARY KEY (outbox_id),
    CONSTRAINT ext_outbox_load_fk FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_outbox_once_per_outcome UNIQUE (load_id, outcome),
    CONSTRAINT ext_outbox_outcome_known CHECK (
        outcome IN ('loaded', 'split', 'rejected', 'failed', 'follow_up_failed')
    ),
    CONSTRAINT ext_outbox_sent_is_whole CHECK ((sent_at IS NULL) = (message_id IS NULL)),
    CONSTRAINT ext_outbox_sender_whole CHECK ((sender IS NULL) = (send_until IS NULL)),
    CONSTRAINT ext_outbox_sent_is_released CHECK (sent_at IS NULL OR send_until IS NULL)
);

COMMENT ON TABLE rdscnfg.ext_outbox IS
    'Messages about outcomes, one per load and outcome, until they are sent and after.';
COMMENT ON COLUMN rdscnfg.ext_outbox.sender IS
    'The invocation that sends the message; a retry of it is the same and takes its messages up at once.';
COMMENT ON COLUMN rdscnfg.ext_outbox.send_until IS
    'The sender has the message until then; nobody else sends it before.';
COMMENT ON COLUMN rdscnfg.ext_outbox.message_id IS
    'The topic''s id of the message that was sent.';

CREATE INDEX ext_outbox_unsent ON rdscnfg.ext_outbox (outbox_id)
    WHERE sent_at IS NULL;

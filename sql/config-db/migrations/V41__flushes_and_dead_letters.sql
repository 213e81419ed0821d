-- Who had a batch made before its time, and who sent dead letters back or deleted them, and why: like all else that operators do by hand.

ALTER TABLE rdscnfg.ext_load_operation
    DROP CONSTRAINT ext_load_operation_known,
    ADD CONSTRAINT ext_load_operation_known CHECK (
        operation IN ('replay', 'cancel', 'release', 'skip', 'forget', 'follow_up', 'flush')
    );

CREATE TABLE rdscnfg.ext_dead_letter_operation (
    operation_id bigint GENERATED ALWAYS AS IDENTITY,
    operation text NOT NULL,
    queue_url text NOT NULL,
    message_id text NOT NULL,
    about text NOT NULL,
    sent_to text,
    operator text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT ext_dead_letter_operation_pk PRIMARY KEY (operation_id),
    CONSTRAINT ext_dead_letter_operation_known CHECK (operation IN ('redrive', 'delete')),
    CONSTRAINT ext_dead_letter_operation_is_explained CHECK (btrim(operator) <> '' AND btrim(reason) <> ''),
    CONSTRAINT ext_dead_letter_operation_goes_somewhere CHECK ((operation = 'redrive') = (sent_to IS NOT NULL))
);

COMMENT ON TABLE rdscnfg.ext_dead_letter_operation IS
    'What operators did to dead letters by hand: who, when and why. Put down before it is done: the queue knows no transaction.';
COMMENT ON COLUMN rdscnfg.ext_dead_letter_operation.queue_url IS
    'The queue that the message lay in.';
COMMENT ON COLUMN rdscnfg.ext_dead_letter_operation.about IS
    'The objects that it announces, or what else it is about.';
COMMENT ON COLUMN rdscnfg.ext_dead_letter_operation.sent_to IS
    'The queue that it was sent back to; empty where it was deleted.';
COMMENT ON COLUMN rdscnfg.ext_dead_letter_operation.operator IS
    'The person: the name in the operating system, or the one given with --as.';
COMMENT ON COLUMN rdscnfg.ext_dead_letter_operation.reason IS
    'Why, in the operator''s words.';

-- What an operator is about to do to a dead letter.
INSERT INTO rdscnfg.ext_dead_letter_operation (
    operation,
    queue_url,
    message_id,
    about,
    sent_to,
    operator,
    reason,
    at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

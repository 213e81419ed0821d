-- Every state a load was in, oldest first, at most $2.
SELECT
    history.at,
    history.from_state,
    history.to_state,
    history.actor,
    history.note
FROM rdscnfg.ext_file_load_history AS history
WHERE history.load_id = $1
ORDER BY history.history_id
LIMIT $2::bigint

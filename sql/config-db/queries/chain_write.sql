-- A chain is there as given, whatever was there under its name; loads that are planned keep what they were planned with.
INSERT INTO rdscnfg.ext_chain (
    chain_name,
    queries,
    modified_at,
    modified_by,
    modified_reason
)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (chain_name) DO UPDATE
SET
    queries = excluded.queries,
    modified_at = excluded.modified_at,
    modified_by = excluded.modified_by,
    modified_reason = excluded.modified_reason

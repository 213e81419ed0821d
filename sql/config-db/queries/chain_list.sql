-- The chains by name, at most $1.
SELECT
    chain.chain_name,
    chain.queries,
    chain.modified_at,
    chain.modified_by,
    chain.modified_reason
FROM rdscnfg.ext_chain AS chain
ORDER BY chain.chain_name
LIMIT $1::bigint

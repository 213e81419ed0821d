-- One chain.
SELECT
    chain.chain_name,
    chain.queries,
    chain.modified_at,
    chain.modified_by,
    chain.modified_reason
FROM rdscnfg.ext_chain AS chain
WHERE chain.chain_name = $1

-- The load that a statement of the warehouse belongs to.
SELECT statement.load_id
FROM rdscnfg.ext_statement AS statement
WHERE statement.statement_id = $1

-- The load that a statement of this name belongs to.
SELECT statement.load_id
FROM rdscnfg.ext_statement AS statement
WHERE statement.statement_name = $1

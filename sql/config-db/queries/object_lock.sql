-- Whoever puts a load for an object on the ledger takes turns with everybody else who does for this key: what the next
-- statement sees is then all there is. Lasts until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))

-- Blanks at the end count for nothing when texts are compared. PostgreSQL has that for CHAR alone: its functions for CHAR, which skip those
-- blanks, take the place of those for TEXT, whose operators VARCHAR borrows. So it holds for columns, literals and expressions alike, and in
-- joins, groups and sorts. LIKE, lengths and text functions go on to count blanks, as in Redshift.
UPDATE pg_catalog.pg_operator
SET oprcode = CASE oprname
    WHEN '=' THEN 'bpchareq'
    WHEN '<>' THEN 'bpcharne'
    WHEN '<' THEN 'bpcharlt'
    WHEN '<=' THEN 'bpcharle'
    WHEN '>' THEN 'bpchargt'
    ELSE 'bpcharge'
END::regproc
WHERE oprname IN ('=', '<>', '<', '<=', '>', '>=') AND oprleft = 'text'::regtype AND oprright = 'text'::regtype;

UPDATE pg_catalog.pg_amproc
SET amproc = CASE amproc
    WHEN 'bttextcmp'::regproc THEN 'bpcharcmp'
    WHEN 'bttextsortsupport'::regproc THEN 'bpchar_sortsupport'
    WHEN 'hashtext'::regproc THEN 'hashbpchar'
    ELSE 'hashbpcharextended'
END::regproc
WHERE amproc IN ('bttextcmp'::regproc, 'bttextsortsupport'::regproc, 'hashtext'::regproc, 'hashtextextended'::regproc)
    AND amproclefttype = 'text'::regtype
    AND amprocrighttype = 'text'::regtype;

-- Equal texts are not the same bytes any more, and the order by bytes is another one than that of `=`.
DELETE FROM pg_catalog.pg_amproc
WHERE amproc = 'btvarstrequalimage'::regproc AND amproclefttype = 'text'::regtype;

DELETE FROM pg_catalog.pg_amop
WHERE amopopr = 'pg_catalog.=(text, text)'::regoperator
    AND amopfamily IN (SELECT oid FROM pg_catalog.pg_opfamily WHERE opfname = 'text_pattern_ops');

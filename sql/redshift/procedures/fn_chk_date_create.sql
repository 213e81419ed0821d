-- 0 when a text is NULL, blank, or a real date in a format; 1 when it is not. $1 is the text, $2 the format in the words of
-- Python's strptime: %Y %y %m %d %b %H %M %S, all else is itself, letters in any case.
--
-- %m, %d and %H take one digit or two; where %Y%m%d can be read in two ways, one that makes a date is enough. Minutes and
-- seconds take two. A format with any other directive fits no text.
--
-- Month names become b01e to b12e, and %b becomes b%me, so that only a name fits where a name is due.
CREATE OR REPLACE FUNCTION rdsftetl.fn_chk_date(varchar, varchar)
RETURNS integer
IMMUTABLE
AS $$
    SELECT CASE
        WHEN $1 IS NULL THEN 0
        WHEN TRIM($1) = '' THEN 0
        WHEN $2 IS NULL OR STRPOS($1, '%') > 0 THEN 1
        WHEN STRPOS(
            REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE($2,
                '%Y', ''), '%y', ''), '%m', ''), '%d', ''), '%b', ''), '%H', ''), '%M', ''), '%S', ''),
            '%'
        ) > 0 THEN 1
        WHEN rdsftetl.fn_fits_date_layout(
            CASE
                WHEN STRPOS($2, '%b') = 0 THEN LOWER($1)
                ELSE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(
                    REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(LOWER($1),
                        'jan', 'b01e'), 'feb', 'b02e'), 'mar', 'b03e'), 'apr', 'b04e'), 'may', 'b05e'),
                        'jun', 'b06e'), 'jul', 'b07e'), 'aug', 'b08e'), 'sep', 'b09e'), 'oct', 'b10e'),
                        'nov', 'b11e'), 'dec', 'b12e')
            END,
            REPLACE(REPLACE(REPLACE(REPLACE(
                LOWER(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE($2,
                    '%Y', '%4'), '%y', '%2'), '%M', '%i'), '%H', '%h'), '%b', 'b%me')),
                '%4', 'YYYY'), '%2', 'UU'), '%i', 'II'), '%s', 'SS')
        ) THEN 0
        ELSE 1
    END
$$ LANGUAGE sql;

-- Whether a text is a real date (and time of day) laid out as a mask says. $1 is the text, $2 the mask: YYYY or UU the
-- year, M or MM the month, D or DD the day, H or HH the hour, II the minute, SS the second, anything else itself.
--
-- Digits are compared as text, never cast, so that no order of evaluation can turn rubbish into an error. A date without a
-- year is one of 1900, without a month one of January, as for Python's strptime.
CREATE OR REPLACE FUNCTION rdsftetl.fn_fits_date_mask(varchar, varchar)
RETURNS boolean
IMMUTABLE
AS $$
    SELECT
        TRANSLATE($1, '012345678', '999999999') = TRANSLATE($2, 'YUMDHIS', '9999999')
        AND CASE
            WHEN STRPOS($2, 'YYYY') = 0 THEN true
            ELSE SUBSTRING($1, STRPOS($2, 'YYYY'), 4) <> '0000'
        END
        AND CASE
            WHEN STRPOS($2, 'M') = 0 THEN true
            WHEN STRPOS($2, 'MM') = 0 THEN SUBSTRING($1, STRPOS($2, 'M'), 1) <> '0'
            ELSE SUBSTRING($1, STRPOS($2, 'MM'), 2) BETWEEN '01' AND '12'
        END
        AND CASE
            WHEN STRPOS($2, 'D') = 0 THEN true
            WHEN STRPOS($2, 'DD') = 0 THEN SUBSTRING($1, STRPOS($2, 'D'), 1) <> '0'
            WHEN STRPOS($2, 'M') = 0 THEN SUBSTRING($1, STRPOS($2, 'DD'), 2) BETWEEN '01' AND '31'
            ELSE SUBSTRING($1, STRPOS($2, 'DD'), 2) BETWEEN '01' AND
                CASE LPAD(
                    CASE
                        WHEN STRPOS($2, 'MM') = 0 THEN SUBSTRING($1, STRPOS($2, 'M'), 1)
                        ELSE SUBSTRING($1, STRPOS($2, 'MM'), 2)
                    END, 2, '0')
                    WHEN '04' THEN '30'
                    WHEN '06' THEN '30'
                    WHEN '09' THEN '30'
                    WHEN '11' THEN '30'
                    WHEN '02' THEN
                        CASE
                            WHEN STRPOS($2, 'YYYY') > 0
                                AND SUBSTRING($1, STRPOS($2, 'YYYY') + 2, 2) = '00'
                                AND NOT (
                                    STRPOS('02468', SUBSTRING($1, STRPOS($2, 'YYYY'), 1)) > 0
                                    AND STRPOS('048', SUBSTRING($1, STRPOS($2, 'YYYY') + 1, 1)) > 0
                                    OR STRPOS('13579', SUBSTRING($1, STRPOS($2, 'YYYY'), 1)) > 0
                                    AND STRPOS('26', SUBSTRING($1, STRPOS($2, 'YYYY') + 1, 1)) > 0
                                ) THEN '28'
                            WHEN STRPOS($2, 'YYYY') + STRPOS($2, 'UU') = 0 THEN '28'
                            WHEN STRPOS('02468', SUBSTRING($1, STRPOS($2, 'YYYY') + STRPOS($2, 'UU')
                                    + CASE WHEN STRPOS($2, 'YYYY') > 0 THEN 2 ELSE 0 END, 1)) > 0
                                AND STRPOS('048', SUBSTRING($1, STRPOS($2, 'YYYY') + STRPOS($2, 'UU')
                                    + CASE WHEN STRPOS($2, 'YYYY') > 0 THEN 3 ELSE 1 END, 1)) > 0
                                THEN '29'
                            WHEN STRPOS('13579', SUBSTRING($1, STRPOS($2, 'YYYY') + STRPOS($2, 'UU')
                                    + CASE WHEN STRPOS($2, 'YYYY') > 0 THEN 2 ELSE 0 END, 1)) > 0
                                AND STRPOS('26', SUBSTRING($1, STRPOS($2, 'YYYY') + STRPOS($2, 'UU')
                                    + CASE WHEN STRPOS($2, 'YYYY') > 0 THEN 3 ELSE 1 END, 1)) > 0
                                THEN '29'
                            ELSE '28'
                        END
                    ELSE '31'
                END
        END
        AND CASE
            WHEN STRPOS($2, 'HH') = 0 THEN true
            ELSE SUBSTRING($1, STRPOS($2, 'HH'), 2) BETWEEN '00' AND '23'
        END
        AND CASE
            WHEN STRPOS($2, 'II') = 0 THEN true
            ELSE SUBSTRING($1, STRPOS($2, 'II'), 2) BETWEEN '00' AND '59'
        END
        AND CASE
            WHEN STRPOS($2, 'SS') = 0 THEN true
            ELSE SUBSTRING($1, STRPOS($2, 'SS'), 2) BETWEEN '00' AND '59'
        END
$$ LANGUAGE sql;

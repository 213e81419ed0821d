-- Whether a text is a real date in a layout in which months, days and hours may have one digit or two. $1 is the text, $2
-- the layout as fn_chk_date writes it: %m, %d and %h stand for those three, all else is as in the mask.
CREATE OR REPLACE FUNCTION rdsftetl.fn_fits_date_layout(varchar, varchar)
RETURNS boolean
IMMUTABLE
AS $$
    SELECT
        rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'MM'), '%d', 'DD'), '%h', 'HH'))
        OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'MM'), '%d', 'D'), '%h', 'HH'))
        OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'M'), '%d', 'DD'), '%h', 'HH'))
        OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'M'), '%d', 'D'), '%h', 'HH'))
        OR STRPOS($2, '%h') > 0
        AND (
            rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'MM'), '%d', 'DD'), '%h', 'H'))
            OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'MM'), '%d', 'D'), '%h', 'H'))
            OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'M'), '%d', 'DD'), '%h', 'H'))
            OR rdsftetl.fn_fits_date_mask($1, REPLACE(REPLACE(REPLACE($2, '%m', 'M'), '%d', 'D'), '%h', 'H'))
        )
$$ LANGUAGE sql;

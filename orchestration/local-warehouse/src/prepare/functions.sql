-- What Redshift has and PostgreSQL has not. In pg_catalog, which is on every search path, so that procedures, dynamic SQL and people with
-- psql find them too.
-- GETDATE is the time of the statement, SYSDATE that of the transaction.
CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE
AS 'SELECT date_trunc(''second'', statement_timestamp()::timestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp LANGUAGE sql STABLE
AS 'SELECT localtimestamp::timestamp';

CREATE OR REPLACE FUNCTION pg_catalog.nvl(VARIADIC anycompatiblearray) RETURNS anycompatible LANGUAGE sql IMMUTABLE
AS 'SELECT value FROM unnest($1) WITH ORDINALITY AS item (value, place) WHERE value IS NOT NULL ORDER BY place LIMIT 1';

CREATE OR REPLACE FUNCTION pg_catalog.nvl2(anyelement, anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE
AS 'SELECT CASE WHEN $1 IS NOT NULL THEN $2 ELSE $3 END';

CREATE OR REPLACE FUNCTION pg_catalog.len(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length($1)';

CREATE OR REPLACE FUNCTION pg_catalog.len(bytea) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT octet_length($1)';

CREATE OR REPLACE FUNCTION pg_catalog.charindex(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT strpos($2, $1)';

CREATE OR REPLACE FUNCTION pg_catalog.strtol(text, integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    digits text := lower(ltrim($1));
    negative boolean := left(digits, 1) = '-';
    result bigint := 0;
    digit integer;
BEGIN
    digits := ltrim(digits, '+-');
    IF $2 = 16 AND left(digits, 2) = '0x' THEN
        digits := substr(digits, 3);
    END IF;
    FOR place IN 1 .. length(digits) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, place, 1)) - 1;
        IF digit < 0 OR digit >= $2 THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', $1, $2;
        END IF;
        result := result * $2 + digit;
    END LOOP;
    RETURN CASE WHEN negative THEN -result ELSE result END;
END
$$;

-- The type is there twice: by its name for its length, and as a null for the type of the result.
CREATE OR REPLACE FUNCTION pg_catalog.try_cast(value text, type_name text, prototype anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE AS $$
BEGIN
    EXECUTE format('SELECT %L::%s', value, type_name) INTO prototype;
    RETURN prototype;
EXCEPTION WHEN data_exception OR invalid_text_representation THEN
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_regexp_replace(text, text) RETURNS text LANGUAGE sql IMMUTABLE
AS 'SELECT regexp_replace($1, $2, '''', ''g'')';

CREATE OR REPLACE FUNCTION pg_catalog.redshift_regexp_replace(text, text, text) RETURNS text LANGUAGE sql IMMUTABLE
AS 'SELECT regexp_replace($1, $2, $3, ''g'')';

CREATE OR REPLACE FUNCTION pg_catalog.redshift_regexp_replace(text, text, text, integer) RETURNS text LANGUAGE sql IMMUTABLE
AS 'SELECT left($1, $4 - 1) || regexp_replace(substr($1, $4), $2, $3, ''g'')';

-- DECODE and LISTAGG of static SQL are rewritten before PostgreSQL sees them; these are for dynamic SQL and for people with psql.
DO $$
DECLARE
    result text;
BEGIN
    FOR pairs IN 1 .. 12 LOOP
        FOR has_default IN 0 .. 1 LOOP
            -- Results that are bare literals have no type of their own: the second form takes them for text.
            FOREACH result IN ARRAY ARRAY['anyelement', 'text'] LOOP
            EXECUTE format(
                'CREATE OR REPLACE FUNCTION pg_catalog.decode(%s) RETURNS %s LANGUAGE sql IMMUTABLE AS %L',
                'anycompatible' || repeat(', anycompatible, ' || result, pairs) || repeat(', ' || result, has_default),
                result,
                'SELECT CASE ' || (
                    SELECT string_agg(
                        format('WHEN $1 IS NOT DISTINCT FROM $%s THEN $%s', 2 * pair, 2 * pair + 1), ' ' ORDER BY pair
                    )
                    FROM generate_series(1, pairs) AS pair
                ) || repeat(' ELSE $' || 2 * pairs + 2, has_default) || ' END'
            );
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

-- AVG of whole numbers is a BIGINT, cut and not rounded. Calls of AVG are rewritten to these; all but whole numbers is done as PostgreSQL does.
CREATE OR REPLACE FUNCTION longshore_local.average(bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT $1[2] / nullif($1[1], 0)';

CREATE OR REPLACE AGGREGATE longshore_local.avg(smallint) (
    SFUNC = int2_avg_accum, STYPE = bigint[], FINALFUNC = longshore_local.average, INITCOND = '{0,0}'
);

CREATE OR REPLACE AGGREGATE longshore_local.avg(integer) (
    SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = longshore_local.average, INITCOND = '{0,0}'
);

-- The sum of many BIGINTs is none.
CREATE OR REPLACE FUNCTION longshore_local.average(numeric[]) RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT div($1[2], nullif($1[1], 0))::bigint';

CREATE OR REPLACE FUNCTION longshore_local.average_add(numeric[], bigint) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT ARRAY[$1[1] + 1, $1[2] + $2]';

CREATE OR REPLACE AGGREGATE longshore_local.avg(bigint) (
    SFUNC = longshore_local.average_add, STYPE = numeric[], FINALFUNC = longshore_local.average, INITCOND = '{0,0}'
);

CREATE OR REPLACE AGGREGATE longshore_local.avg(numeric) (
    SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg
);

CREATE OR REPLACE AGGREGATE longshore_local.avg(real) (
    SFUNC = float4_accum, STYPE = double precision[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}'
);

CREATE OR REPLACE AGGREGATE longshore_local.avg(double precision) (
    SFUNC = float8_accum, STYPE = double precision[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}'
);

-- A null makes a null. PostgreSQL's takes any number of arguments; that there are two is checked where the statement is rewritten.
ALTER FUNCTION pg_catalog.concat(VARIADIC "any") STRICT;

CREATE OR REPLACE FUNCTION longshore_local.listagg(list text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF octet_length(list) > 65535 THEN
        RAISE EXCEPTION USING MESSAGE = 'Result size exceeds LISTAGG limit', ERRCODE = 'program_limit_exceeded';
    END IF;
    RETURN list;
END
$$;

-- Each text once, where it comes first; blanks at its end do not tell texts apart.
CREATE OR REPLACE FUNCTION longshore_local.distinct_texts(texts text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
SELECT array_agg(first.text ORDER BY first.place)
FROM (
    SELECT DISTINCT ON (rtrim(item.text, ' ')) item.text, item.place
    FROM unnest($1) WITH ORDINALITY AS item (text, place)
    ORDER BY rtrim(item.text, ' '), item.place
) AS first
$$;

-- Nulls and empty texts are left out.
CREATE OR REPLACE FUNCTION longshore_local.listagg_add(list text, value text, delimiter text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE
        WHEN coalesce(value, '') = '' THEN list
        WHEN list IS NULL THEN value
        ELSE longshore_local.listagg(list || coalesce(delimiter, '') || value)
    END;
END
$$;

CREATE OR REPLACE FUNCTION longshore_local.listagg_add(list text, value text) RETURNS text LANGUAGE sql IMMUTABLE
AS 'SELECT longshore_local.listagg_add($1, $2, '''')';

CREATE OR REPLACE AGGREGATE pg_catalog.listagg(text, text) (
    SFUNC = longshore_local.listagg_add, STYPE = text, FINALFUNC = longshore_local.listagg
);

CREATE OR REPLACE AGGREGATE pg_catalog.listagg(text) (
    SFUNC = longshore_local.listagg_add, STYPE = text, FINALFUNC = longshore_local.listagg
);

-- `+` joins texts in Redshift.
DO $$
BEGIN
    IF to_regoperator('pg_catalog.+(text, text)') IS NULL THEN
        CREATE OPERATOR pg_catalog.+ (FUNCTION = textcat, LEFTARG = text, RIGHTARG = text);
    END IF;
END
$$;

-- What EXECUTE in a procedure runs is Redshift's SQL too. The commonest differences are rewritten here, at run time.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_dynamic(statement text) RETURNS text LANGUAGE plpgsql STABLE
SET standard_conforming_strings = on AS $$
BEGIN
    -- Quoted names are folded; texts, which may hold double quotes, are not.
    IF statement ~ '"[^"]*[A-Z]'
        AND NOT coalesce(current_setting('longshore.enable_case_sensitive_identifier', true)::boolean, false)
    THEN
        SELECT string_agg(
            CASE WHEN left(piece.part[1], 1) = '"'
                THEN translate(piece.part[1], 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
                ELSE piece.part[1]
            END, '' ORDER BY piece.place
        )
        INTO statement
        FROM regexp_matches(statement, $pieces$'(?:[^'\\]|\\.)*'|"[^"]*"|[^'"]+|.$pieces$, 'g') WITH ORDINALITY AS piece (part, place);
    END IF;
    statement := regexp_replace(statement, '(\mdate(?:add|diff|_part)\s*\(\s*)([a-z]+)(\s*,)', '\1''\2''\3', 'gi');
    statement := regexp_replace(statement, '([^.[:alnum:]_"'']|^)sysdate(?!\s*\()\M', '\1sysdate()', 'gi');
    statement := regexp_replace(statement, '\mregexp_replace\s*\(', 'redshift_regexp_replace(', 'gi');
    statement := regexp_replace(statement, '([^.[:alnum:]_"'']|^)(avg\s*\()', '\1longshore_local.\2', 'gi');
    statement := regexp_replace(statement, '(::\s*)(decimal|numeric|dec)\M(?!\s*\()', '\1\2(18, 0)', 'gi');
    statement := regexp_replace(statement, '\m(n?varchar)\s*\(\s*max\s*\)', 'varchar(65535)', 'gi');
    statement := regexp_replace(statement, '^(\s*delete)\s+(?!from\M)', '\1 from ', 'i');
    statement := regexp_replace(
        statement, '\mlistagg\s*\(((?:[^()]|\([^()]*\))*)\)\s*within\s+group\s*\(((?:[^()]|\([^()]*\))*)\)', 'listagg(\1 \2)', 'gi'
    );
    statement := regexp_replace(
        statement, '\mtry_cast\s*\(((?:[^()]|\([^()]*\))*)\s+as\s+([a-z][a-z_0-9 ]*(?:\([0-9, ]+\))?)\s*\)',
        'try_cast((\1)::text, ''\2'', NULL::\2)::\2', 'gi'
    );
    statement := regexp_replace(statement, '\mto_date\s*\(', 'redshift_to_date(', 'gi');
    statement := regexp_replace(statement, '^(\s*select)\s+top\s+(\d+)\s+([^;]*[^;[:space:]])', '\1 \3 LIMIT \2', 'i');
    RETURN statement;
END
$$;

-- A procedure has come to its first query: from here on it sees what it sees. Does nothing but in a transaction that a CALL opened.
CREATE OR REPLACE FUNCTION longshore_local.look() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('longshore.snapshot', true) = 'open' THEN
        PERFORM set_config('longshore.snapshot', 'taken', true);
    END IF;
END
$$;

-- A procedure comes to a LOCK before its first query. PostgreSQL's snapshot is older than that, so the lock must have been taken before the
-- CALL: the error asks for it. No WHEN OTHERS catches its code.
CREATE OR REPLACE FUNCTION longshore_local.lock_first(lock text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('longshore.snapshot', true) = 'open'
        AND lock <> ALL (string_to_array(current_setting('longshore.locked', true), E'\n'))
    THEN
        RAISE EXCEPTION USING MESSAGE = 'longshore_local.lock_first', DETAIL = lock, ERRCODE = 'assert_failure';
    END IF;
END
$$;

-- A procedure's handler caught an error: what came before it must be taken back, and cannot be within a transaction that is held for the CALL.
-- The error asks for a CALL outside of one. No WHEN OTHERS catches its code.
CREATE OR REPLACE FUNCTION longshore_local.caught(error text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('longshore.transaction', true) = 'held' THEN
        RAISE EXCEPTION USING MESSAGE = 'longshore_local.caught', DETAIL = error, ERRCODE = 'assert_failure';
    END IF;
END
$$;

-- What EXECUTE runs before a procedure's first query: a LOCK, or the first query. It runs in sessions where a backslash
-- escapes, so a class of characters is written out.
CREATE OR REPLACE FUNCTION longshore_local.redshift_leading(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    words text := regexp_replace(btrim(statement, E' ;\t\r\n'), '[[:space:]]+', ' ', 'g');
BEGIN
    IF words ~* '^lock [^;]+$' THEN
        PERFORM longshore_local.lock_first(words);
    ELSE
        PERFORM longshore_local.look();
    END IF;
    RETURN redshift_dynamic(statement);
END
$$;

-- Rows that the last COPY of this session loaded, and its query.
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT coalesce(nullif(current_setting(''longshore.last_copy_count'', true), ''''), ''0'')::bigint';

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer LANGUAGE sql STABLE
AS 'SELECT coalesce(nullif(current_setting(''longshore.last_copy_id'', true), ''''), ''-1'')::integer';

-- What Redshift has and PostgreSQL has not. In pg_catalog, which is on every search path, so that procedures, dynamic SQL and people with
-- psql find them too.
CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE
AS 'SELECT date_trunc(''second'', localtimestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp LANGUAGE sql STABLE
AS 'SELECT localtimestamp::timestamp';

CREATE OR REPLACE FUNCTION pg_catalog.nvl(VARIADIC anycompatiblearray) RETURNS anycompatible LANGUAGE sql IMMUTABLE
AS 'SELECT value FROM unnest($1) WITH ORDINALITY AS item (value, place) WHERE value IS NOT NULL ORDER BY place LIMIT 1';

CREATE OR REPLACE FUNCTION pg_catalog.nvl2(anyelement, anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE
AS 'SELECT CASE WHEN $1 IS NOT NULL THEN $2 ELSE $3 END';

CREATE OR REPLACE FUNCTION pg_catalog.len(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length($1)';

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

CREATE OR REPLACE FUNCTION pg_catalog.trunc(timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT $1::date';

CREATE OR REPLACE FUNCTION pg_catalog.trunc(timestamptz) RETURNS date LANGUAGE sql STABLE AS 'SELECT $1::date';

CREATE OR REPLACE FUNCTION pg_catalog.redshift_interval(part text, amount bigint) RETURNS interval LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE
        WHEN part IN ('millennium', 'millennia', 'mil', 'mils') THEN make_interval(years => (amount * 1000)::int)
        WHEN part IN ('century', 'centuries', 'c', 'cent', 'cents') THEN make_interval(years => (amount * 100)::int)
        WHEN part IN ('decade', 'decades', 'dec', 'decs') THEN make_interval(years => (amount * 10)::int)
        WHEN part IN ('year', 'years', 'y', 'yr', 'yrs') THEN make_interval(years => amount::int)
        WHEN part IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN make_interval(months => (amount * 3)::int)
        WHEN part IN ('month', 'months', 'mon', 'mons') THEN make_interval(months => amount::int)
        WHEN part IN ('week', 'weeks', 'w') THEN make_interval(weeks => amount::int)
        WHEN part IN ('day', 'days', 'd', 'dayofyear', 'doy', 'dy', 'dayofweek', 'dow', 'dw', 'weekday') THEN make_interval(days => amount::int)
        WHEN part IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN make_interval(hours => amount::int)
        WHEN part IN ('minute', 'minutes', 'm', 'min', 'mins') THEN make_interval(mins => amount::int)
        WHEN part IN ('second', 'seconds', 's', 'sec', 'secs') THEN make_interval(secs => amount)
        WHEN part IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs') THEN amount * interval '1 millisecond'
        WHEN part IN ('microsecond', 'microseconds', 'microsec', 'microsecs', 'usec', 'usecs', 'us') THEN amount * interval '1 microsecond'
    END;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, timestamp) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    step interval := redshift_interval(lower($1), $2);
BEGIN
    IF step IS NULL THEN
        RAISE EXCEPTION 'dateadd: datepart "%" is not recognized', $1;
    END IF;
    RETURN $3 + step;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    step interval := redshift_interval(lower($1), $2);
BEGIN
    IF step IS NULL THEN
        RAISE EXCEPTION 'dateadd: datepart "%" is not recognized', $1;
    END IF;
    RETURN $3 + step;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT dateadd($1, $2, $3::timestamp)';

-- Counts the boundaries between two times, as Redshift does.
CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, timestamp, timestamp) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    part text := lower($1);
    months bigint := (extract(year FROM $3) - extract(year FROM $2)) * 12 + extract(month FROM $3) - extract(month FROM $2);
    years bigint := extract(year FROM $3) - extract(year FROM $2);
BEGIN
    CASE
        WHEN part IN ('year', 'years', 'y', 'yr', 'yrs') THEN RETURN years;
        WHEN part IN ('decade', 'decades', 'dec', 'decs') THEN RETURN extract(decade FROM $3) - extract(decade FROM $2);
        WHEN part IN ('century', 'centuries', 'c', 'cent', 'cents') THEN RETURN extract(century FROM $3) - extract(century FROM $2);
        WHEN part IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN
            RETURN years * 4 + extract(quarter FROM $3) - extract(quarter FROM $2);
        WHEN part IN ('month', 'months', 'mon', 'mons') THEN RETURN months;
        WHEN part IN ('week', 'weeks', 'w') THEN
            RETURN ((date_trunc('week', $3 + interval '1 day'))::date - (date_trunc('week', $2 + interval '1 day'))::date) / 7;
        WHEN part IN ('day', 'days', 'd') THEN RETURN $3::date - $2::date;
        WHEN part IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN
            RETURN extract(epoch FROM date_trunc('hour', $3) - date_trunc('hour', $2)) / 3600;
        WHEN part IN ('minute', 'minutes', 'm', 'min', 'mins') THEN
            RETURN extract(epoch FROM date_trunc('minute', $3) - date_trunc('minute', $2)) / 60;
        WHEN part IN ('second', 'seconds', 's', 'sec', 'secs') THEN
            RETURN extract(epoch FROM date_trunc('second', $3) - date_trunc('second', $2));
        WHEN part IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs') THEN
            RETURN trunc(extract(epoch FROM $3 - $2) * 1000);
        WHEN part IN ('microsecond', 'microseconds', 'microsec', 'microsecs', 'usec', 'usecs', 'us') THEN
            RETURN trunc(extract(epoch FROM $3 - $2) * 1000000);
        ELSE RAISE EXCEPTION 'datediff: datepart "%" is not recognized', $1;
    END CASE;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.add_months(timestamp, integer) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
'SELECT CASE WHEN $1::date = (date_trunc(''month'', $1) + interval ''1 month'' - interval ''1 day'')::date
    THEN date_trunc(''month'', $1) + make_interval(months => $2 + 1) - interval ''1 day'' + ($1 - date_trunc(''day'', $1))
    ELSE $1 + make_interval(months => $2) END';

CREATE OR REPLACE FUNCTION pg_catalog.last_day(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT (date_trunc(''month'', $1) + interval ''1 month'' - interval ''1 day'')::date';

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT
AS 'SELECT $2 AT TIME ZONE ''UTC'' AT TIME ZONE $1';

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(text, text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT
AS 'SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2';

CREATE OR REPLACE FUNCTION pg_catalog.to_date(text, text, boolean) RETURNS date LANGUAGE sql STABLE STRICT
AS 'SELECT to_date($1, $2)';

CREATE OR REPLACE FUNCTION pg_catalog.try_cast(value text, prototype anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE AS $$
BEGIN
    EXECUTE format('SELECT %L::%s', value, pg_typeof(prototype)) INTO prototype;
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

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(text, VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE
AS 'SELECT json_extract_path_text($1::json, VARIADIC $2)';

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM $1::json;
    RETURN true;
EXCEPTION WHEN invalid_text_representation THEN
    RETURN false;
END
$$;

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
    IF to_regprocedure('pg_catalog.listagg(text)') IS NULL THEN
        CREATE AGGREGATE pg_catalog.listagg(text, text) (
            SFUNC = string_agg_transfn, STYPE = internal, FINALFUNC = string_agg_finalfn
        );
        CREATE AGGREGATE pg_catalog.listagg(text) (SFUNC = textcat, STYPE = text, INITCOND = '');
    END IF;
END
$$;

-- What EXECUTE in a procedure runs is Redshift's SQL too. The commonest differences are rewritten here, at run time.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_dynamic(statement text) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET standard_conforming_strings = on AS $$
BEGIN
    statement := regexp_replace(statement, '(\mdate(?:add|diff|_part)\s*\(\s*)([a-z]+)(\s*,)', '\1''\2''\3', 'gi');
    statement := regexp_replace(statement, '([^.[:alnum:]_"'']|^)sysdate(?!\s*\()\M', '\1sysdate()', 'gi');
    statement := regexp_replace(statement, '\mregexp_replace\s*\(', 'redshift_regexp_replace(', 'gi');
    statement := regexp_replace(statement, '\m(n?varchar)\s*\(\s*max\s*\)', 'varchar(65535)', 'gi');
    statement := regexp_replace(statement, '^(\s*delete)\s+(?!from\M)', '\1 from ', 'i');
    statement := regexp_replace(
        statement, '\mlistagg\s*\(((?:[^()]|\([^()]*\))*)\)\s*within\s+group\s*\(((?:[^()]|\([^()]*\))*)\)', 'listagg(\1 \2)', 'gi'
    );
    statement := regexp_replace(
        statement, '\mtry_cast\s*\(((?:[^()]|\([^()]*\))*)\s+as\s+([a-z][a-z_0-9 ]*(?:\([0-9, ]+\))?)\s*\)',
        'try_cast((\1)::text, NULL::\2)', 'gi'
    );
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

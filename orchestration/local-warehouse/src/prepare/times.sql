-- Times as Redshift counts and cuts them.
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

CREATE OR REPLACE FUNCTION longshore_local.date_step(part text, amount bigint) RETURNS interval LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    step interval := redshift_interval(lower(part), amount);
BEGIN
    IF step IS NULL THEN
        RAISE EXCEPTION 'dateadd: datepart "%" is not recognized', part;
    END IF;
    RETURN step;
END
$$;

-- A year after a 29 February is the first of March, and twelve months after it the last of February.
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT $3 + longshore_local.date_step($1, $2) + CASE
        WHEN lower($1) IN ('year', 'years', 'y', 'yr', 'yrs') AND to_char($3, 'MMDD') = '0229'
            AND extract(day FROM $3 + longshore_local.date_step($1, $2)) = 28
        THEN interval '1 day' ELSE interval '0' END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, timestamptz) RETURNS timestamptz LANGUAGE sql STABLE STRICT
AS 'SELECT $3 + longshore_local.date_step($1, $2)';

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT dateadd($1, $2, $3::timestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, time) RETURNS time LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT $3 + longshore_local.date_step($1, $2)';

-- Times with a zone are shown, and counted, in UTC.
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, timetz) RETURNS timetz LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT ($3 + longshore_local.date_step($1, $2)) AT TIME ZONE 'UTC'$$;

-- For literals: without this one PostgreSQL takes them for times with a zone.
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(text, bigint, text) RETURNS timestamp LANGUAGE sql STABLE STRICT
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

CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, date, date) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT datediff($1, $2::timestamp, $3::timestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, timestamptz, timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT
AS 'SELECT datediff($1, $2::timestamp, $3::timestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, time, time) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT datediff($1, date '2000-01-01' + $2, date '2000-01-01' + $3)$$;

CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, timetz, timetz) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT datediff($1, ($2 AT TIME ZONE 'UTC')::time, ($3 AT TIME ZONE 'UTC')::time)$$;

-- For literals.
CREATE OR REPLACE FUNCTION pg_catalog.datediff(text, text, text) RETURNS bigint LANGUAGE sql STABLE STRICT
AS 'SELECT datediff($1, $2::timestamp, $3::timestamp)';

-- PostgreSQL would take a date, and a literal, for a time with a zone.
CREATE OR REPLACE FUNCTION pg_catalog.date_trunc(text, date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT date_trunc($1, $2::timestamp)';

CREATE OR REPLACE FUNCTION pg_catalog.date_trunc(text, text) RETURNS timestamp LANGUAGE sql STABLE STRICT
AS 'SELECT date_trunc($1, $2::timestamp)';

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

-- Unless it is told to be strict, a day after the end of its month belongs to the next one. The day is found by where DD stands in the
-- format, so words of changing length before it are not taken part in this.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_to_date(value text, format text, is_strict boolean DEFAULT false) RETURNS date
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    place integer := strpos(upper(format), 'DD');
    day_digits text := substr(value, place, 2);
BEGIN
    RETURN to_date(value, format);
EXCEPTION WHEN datetime_field_overflow THEN
    IF is_strict OR place = 0 OR upper(format) ~ 'DDD|MONTH.*DD' OR day_digits !~ '^(0[1-9]|[12][0-9]|3[01])$' THEN
        RAISE;
    END IF;
    RETURN to_date(overlay(value PLACING '01' FROM place FOR 2), format) + day_digits::integer - 1;
END
$$;

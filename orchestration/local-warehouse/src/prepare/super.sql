-- SUPER is JSON. Its names are types of PostgreSQL here too, so that casts to them work, in dynamic SQL as well.
DO $$
BEGIN
    IF to_regtype('pg_catalog.super') IS NULL THEN
        CREATE DOMAIN pg_catalog.super AS jsonb;
        CREATE DOMAIN pg_catalog.varbyte AS bytea;
    END IF;
END
$$;

-- A scalar is the text that it is, without the quotes of JSON; an array or an object is none, and a cast to the wrong type is null.
CREATE OR REPLACE FUNCTION longshore_local.super_text(jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT CASE WHEN jsonb_typeof($1) IN ('string', 'number', 'boolean') THEN $1 #>> '{}' END$$;

CREATE OR REPLACE FUNCTION longshore_local.super_varchar(jsonb) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT longshore_local.super_text($1)::varchar';

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_cast WHERE castsource = 'jsonb'::regtype AND casttarget = 'text'::regtype) THEN
        CREATE CAST (jsonb AS text) WITH FUNCTION longshore_local.super_text(jsonb) AS ASSIGNMENT;
        CREATE CAST (jsonb AS varchar) WITH FUNCTION longshore_local.super_varchar(jsonb) AS ASSIGNMENT;
    END IF;
END
$$;

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

CREATE OR REPLACE FUNCTION pg_catalog.json_parse(text) RETURNS super LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1::jsonb';

-- Names and values by turns. Redshift's values keep their types; these are texts, which is what is passed so far.
CREATE OR REPLACE FUNCTION pg_catalog.object(VARIADIC text[]) RETURNS super LANGUAGE sql IMMUTABLE AS 'SELECT jsonb_object($1)';

-- PostgreSQL writes blanks between the parts, Redshift none; those within strings stay.
CREATE OR REPLACE FUNCTION pg_catalog.json_serialize(jsonb) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT
SET standard_conforming_strings = on
AS $$SELECT regexp_replace(textin(jsonb_out($1)), '("(?:[^"\\]|\\.)*")|\s', '\1', 'g')::varchar$$;

-- What json_parse takes: a NUL and half of a character are valid JSON, and no SUPER.
CREATE OR REPLACE FUNCTION pg_catalog.can_json_parse(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM $1::jsonb;
    RETURN true;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.json_typeof(jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT jsonb_typeof($1)';

CREATE OR REPLACE FUNCTION pg_catalog.get_array_length(jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT CASE WHEN jsonb_typeof($1) = 'array' THEN jsonb_array_length($1)::bigint END$$;

CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT jsonb_array_length($1::jsonb)';

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(text, integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT $1::jsonb ->> $2';

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json_array(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
AS $$SELECT is_valid_json($1) AND left(ltrim($1), 1) = '['$$;

-- Redshift compares text with numbers without being asked. These casts are what every stored transformation that we know of needed; more of
-- them would make calls ambiguous that are clear in Redshift.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_cast WHERE castsource = 'varchar'::regtype AND casttarget = 'integer'::regtype) THEN
        CREATE CAST (varchar AS integer) WITH INOUT AS IMPLICIT;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_cast WHERE castsource = 'varchar'::regtype AND casttarget = 'numeric'::regtype) THEN
        CREATE CAST (varchar AS numeric) WITH INOUT AS IMPLICIT;
    END IF;
END
$$;

-- Lengths count bytes. A cast to a length cuts, an assignment refuses, as in PostgreSQL; blanks at the end are no reason to.
CREATE OR REPLACE FUNCTION longshore_local.cut_to_bytes(value text, most integer) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    shorter text := left(value, most);
BEGIN
    WHILE octet_length(shorter) > most LOOP
        shorter := left(shorter, -greatest(1, (octet_length(shorter) - most) / 4));
    END LOOP;
    RETURN shorter;
END
$$;

CREATE OR REPLACE FUNCTION longshore_local.fit_varchar(value varchar, most integer, is_explicit boolean) RETURNS varchar
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF NOT is_explicit AND octet_length(rtrim(value, ' ')) > most THEN
        RAISE EXCEPTION USING
            ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('value too long for type character varying(%s)', most);
    END IF;
    RETURN longshore_local.cut_to_bytes(value, most);
END
$$;

-- What the CHECK of a VARBYTE column asks where a value is not known to be short enough: it is too long, or null.
CREATE OR REPLACE FUNCTION longshore_local.refuse_varbyte(value bytea, most integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'string_data_right_truncation',
        MESSAGE = format('value too long for type binary varying(%s)', most);
END
$$;

-- The length of a VARBYTE column; null of any other.
CREATE OR REPLACE FUNCTION longshore_local.varbyte_length(of_table oid, number smallint) RETURNS integer LANGUAGE sql STABLE AS $$
SELECT max(substring(pg_get_constraintdef(bound.oid) FROM '<= ([0-9]+)[)]')::integer)
FROM pg_catalog.pg_attribute AS attribute
    JOIN pg_catalog.pg_constraint AS bound ON bound.conrelid = attribute.attrelid AND bound.conkey = ARRAY[attribute.attnum]
WHERE attribute.attrelid = $1 AND attribute.attnum = $2 AND attribute.atttypid = 'bytea'::regtype AND bound.contype = 'c'
$$;

-- Gives a VARBYTE column that has no length yet that of the column that it comes from, or the usual one.
CREATE OR REPLACE FUNCTION longshore_local.keep_varbyte_length(target text, number smallint, source oid, source_number smallint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    column_name name := (
        SELECT attname FROM pg_catalog.pg_attribute
        WHERE attrelid = to_regclass(target) AND attnum = number AND atttypid = 'bytea'::regtype
    );
    most integer := coalesce(longshore_local.varbyte_length(source, source_number), 64000);
BEGIN
    IF column_name IS NOT NULL AND longshore_local.varbyte_length(to_regclass(target), number) IS NULL THEN
        EXECUTE format(
            'ALTER TABLE %1$s ADD CHECK (octet_length(%2$I) <= %3$s OR longshore_local.refuse_varbyte(%2$I, %3$s))',
            target, column_name, most
        );
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION longshore_local.refuse_multibyte(value text) RETURNS bpchar LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'string_data_right_truncation',
        MESSAGE = 'Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: '
            || (regexp_match(value, '[^\x01-\x7f]'))[1];
END
$$;

-- PostgreSQL keeps a length as itself plus four. Not in SQL: that would be inlined, and a column of CREATE TABLE AS that is made
-- by the cast would lose its length.
CREATE OR REPLACE FUNCTION longshore_local.varchar_length(varchar, integer, boolean) RETURNS varchar
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $2 < 4 OR octet_length($1) <= $2 - 4 THEN
        RETURN $1;
    END IF;
    RETURN longshore_local.fit_varchar($1, $2 - 4, $3);
END
$$;

CREATE OR REPLACE FUNCTION longshore_local.char_length(bpchar, integer, boolean) RETURNS bpchar
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $3 OR octet_length($1::text) = length($1::text) THEN
        RETURN pg_catalog.bpchar($1, $2, $3);
    END IF;
    RETURN longshore_local.refuse_multibyte($1::text);
END
$$;

UPDATE pg_catalog.pg_cast
SET castfunc = 'longshore_local.varchar_length(varchar, integer, boolean)'::regprocedure
WHERE castsource = 'varchar'::regtype AND casttarget = 'varchar'::regtype;

UPDATE pg_catalog.pg_cast
SET castfunc = 'longshore_local.char_length(bpchar, integer, boolean)'::regprocedure
WHERE castsource = 'bpchar'::regtype AND casttarget = 'bpchar'::regtype;

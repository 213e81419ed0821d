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

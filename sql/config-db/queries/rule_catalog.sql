-- The columns of the tables that make up rules, in their order, with what the database knows of them.
SELECT
    class.relname::text AS sheet,
    attribute.attname::text AS name,
    data_type.typcategory::text AS category,
    attribute.attnotnull AS required,
    pg_catalog.pg_get_expr(preset.adbin, preset.adrelid) AS preset,
    pg_catalog.col_description(attribute.attrelid, attribute.attnum) AS description
FROM pg_catalog.pg_attribute AS attribute
INNER JOIN pg_catalog.pg_class AS class
    ON class.oid = attribute.attrelid
INNER JOIN pg_catalog.pg_type AS data_type
    ON data_type.oid = attribute.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS preset
    ON preset.adrelid = attribute.attrelid
    AND preset.adnum = attribute.attnum
WHERE attribute.attrelid IN (
        'rdscnfg.ext_interface'::regclass,
        'rdscnfg.ext_target'::regclass,
        'rdscnfg.ext_file_config'::regclass,
        'rdscnfg.ext_file_config_dtl'::regclass
    )
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
ORDER BY
    class.relname,
    attribute.attnum

-- Remembers a marker table; remembering it again changes nothing.
INSERT INTO rdscnfg.ext_marker_table (
    warehouse,
    schema_name,
    table_name,
    created_at
)
VALUES ($1, $2, $3, $4)
ON CONFLICT (warehouse, schema_name, table_name) DO NOTHING

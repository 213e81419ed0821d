-- Rules with all their columns, in operation or not: each field as text, what is empty left out. $1: only these rules.
SELECT
    (
        SELECT jsonb_object_agg(field.key, field.value)
        FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(config))) AS field
    ) AS fields,
    (
        SELECT coalesce(
            jsonb_agg(detail_fields.fields ORDER BY detail.column_order_sqnc, detail.ext_file_config_dtl_sid),
            '[]'
        )
        FROM rdscnfg.ext_file_config_dtl AS detail
        CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(field.key, field.value) AS fields
            FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(detail))) AS field
        ) AS detail_fields
        WHERE detail.ext_file_config_sid = config.ext_file_config_sid
    ) AS columns
FROM rdscnfg.ext_file_config AS config
WHERE $1::integer[] IS NULL
    OR config.ext_file_config_sid = ANY ($1::integer[])
ORDER BY config.ext_file_config_sid

-- Every target, in operation or not: each field as text, what is empty left out.
SELECT
    (
        SELECT jsonb_object_agg(field.key, field.value)
        FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(target))) AS field
    ) AS fields
FROM rdscnfg.ext_target AS target
ORDER BY target.ext_target_sid

-- Every interface, in operation or not: each field as text, what is empty left out.
SELECT
    (
        SELECT jsonb_object_agg(field.key, field.value)
        FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(interface))) AS field
    ) AS fields
FROM rdscnfg.ext_interface AS interface
ORDER BY interface.ext_interface_cid

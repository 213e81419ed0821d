-- Refused rows of a load, all at once; those on record already stay as they are.
INSERT INTO rdscnfg.ext_load_row_error (
    load_id,
    file_name,
    line_number,
    column_name,
    column_type,
    error_code,
    error_message,
    raw_line
)
SELECT
    $1,
    refused.file_name,
    refused.line_number,
    refused.column_name,
    refused.column_type,
    refused.error_code,
    refused.error_message,
    refused.raw_line
FROM unnest(
    $2::text[],
    $3::bigint[],
    $4::text[],
    $5::text[],
    $6::integer[],
    $7::text[],
    $8::text[]
) AS refused (file_name, line_number, column_name, column_type, error_code, error_message, raw_line)
ON CONFLICT (load_id, file_name, line_number, column_name) DO NOTHING

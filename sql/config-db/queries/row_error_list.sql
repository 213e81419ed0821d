-- Refused rows of a load in the order of the file, at most $2.
SELECT
    refused.file_name,
    refused.line_number,
    refused.column_name,
    refused.column_type,
    refused.error_code,
    refused.error_message,
    refused.raw_line
FROM rdscnfg.ext_load_row_error AS refused
WHERE refused.load_id = $1
ORDER BY refused.file_name, refused.line_number, refused.column_name
LIMIT $2::bigint

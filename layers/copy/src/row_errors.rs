//! The rows that COPY could not read, as the warehouse remembers them.

/// The columns of the result of [`query`], in its order.
pub const COLUMNS: [&str; 9] = [
    "file_name",
    "line_number",
    "column_name",
    "column_type",
    "column_length",
    "position",
    "error_code",
    "error_message",
    "start_time",
];

/// Asks for at most `limit` rows that the COPY with `query_id` could not read.
///
/// `SYS_LOAD_ERROR_DETAIL` stands on clusters and serverless workgroups alike and outlives a transaction that was rolled
/// back. It shows a user's own loads only, and cuts file names at 256 characters. The rows themselves are not in it.
pub fn query(query_id: i64, limit: u32) -> String {
    format!(
        "SELECT TRIM(file_name) AS file_name,\n    \
            line_number,\n    \
            TRIM(column_name) AS column_name,\n    \
            TRIM(column_type) AS column_type,\n    \
            TRIM(column_length) AS column_length,\n    \
            position,\n    \
            error_code,\n    \
            TRIM(error_message) AS error_message,\n    \
            start_time\n\
        FROM sys_load_error_detail\n\
        WHERE query_id = {query_id}\n\
        ORDER BY file_name, line_number, position\n\
        LIMIT {limit}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_in_the_order_they_are_read_in() {
        let text = query(42, 20);
        let places: Vec<Option<usize>> = COLUMNS.iter().map(|column| text.find(column)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(places.is_sorted());
        insta::assert_snapshot!(text, @"
        SELECT TRIM(file_name) AS file_name,
            line_number,
            TRIM(column_name) AS column_name,
            TRIM(column_type) AS column_type,
            TRIM(column_length) AS column_length,
            position,
            error_code,
            TRIM(error_message) AS error_message,
            start_time
        FROM sys_load_error_detail
        WHERE query_id = 42
        ORDER BY file_name, line_number, position
        LIMIT 20
        ");
    }
}

//! Reading the fields of a JSON request.

use serde_json::Value;

use crate::http::ApiError;

/// A text that must be there.
pub(crate) fn text<'a>(request: &'a Value, field: &str) -> Result<&'a str, ApiError> {
    optional_text(request, field).ok_or_else(|| {
        ApiError::invalid(
            "ValidationException",
            format!("The request has no text in {field}."),
        )
    })
}

/// A text that may be there.
pub(crate) fn optional_text<'a>(request: &'a Value, field: &str) -> Option<&'a str> {
    request.get(field)?.as_str()
}

/// A whole number that may be there, within bounds.
pub(crate) fn number(
    request: &Value,
    field: &str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, ApiError> {
    let Some(value) = request.get(field).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value.as_u64() {
        Some(number) if bounds.contains(&number) => Ok(Some(number)),
        _ => {
            let message = format!(
                "{field} is {value}; it must be between {} and {}.",
                bounds.start(),
                bounds.end()
            );
            Err(ApiError::invalid("InvalidParameterValue", message))
        }
    }
}

//! The fields of a secret. Read by hand, because a parser's error message may quote what it could not read.

use serde_json::{Map, Value};

use super::SecretsError;

/// A secret's fields, and what is needed to say what is wrong with them.
pub(super) struct Fields<'a> {
    secret_id: &'a str,
    shape: &'static str,
    values: Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(secret_id: &'a str, text: &str, shape: &'static str) -> Result<Self, SecretsError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(values)) => Ok(Self {
                secret_id,
                shape,
                values,
            }),
            // The parser's own error is left out: it may hold a piece of the secret.
            Ok(_) | Err(_) => Err(SecretsError::Malformed {
                secret_id: secret_id.to_owned(),
                shape,
            }),
        }
    }

    /// The text under the first of `names` that is there and not empty.
    pub(super) fn required(&self, field: &'static str, names: &[&str]) -> Result<String, SecretsError> {
        self.optional(field, names)?
            .ok_or_else(|| SecretsError::FieldMissing {
                secret_id: self.secret_id.to_owned(),
                field,
                shape: self.shape,
            })
    }

    /// Like [`Fields::required`], for a field that may be left out.
    pub(super) fn optional(
        &self,
        field: &'static str,
        names: &[&str],
    ) -> Result<Option<String>, SecretsError> {
        for name in names {
            match self.values.get(*name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.is_empty() => {}
                Some(Value::String(text)) => return Ok(Some(text.clone())),
                Some(_) => return Err(self.invalid(field, "text")),
            }
        }
        Ok(None)
    }

    /// A port, written as a number (RDS) or as text (people).
    pub(super) fn port(&self, field: &'static str) -> Result<Option<u16>, SecretsError> {
        let port = match self.values.get(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        port.filter(|port| *port > 0)
            .map(Some)
            .ok_or_else(|| self.invalid(field, "a port"))
    }

    fn invalid(&self, field: &'static str, expected: &'static str) -> SecretsError {
        SecretsError::FieldInvalid {
            secret_id: self.secret_id.to_owned(),
            field,
            expected,
            shape: self.shape,
        }
    }
}

//! The AWS Query protocol: form fields in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write;

use percent_encoding::percent_decode;

use crate::http::ApiError;

/// The fields of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Reads a form-encoded body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let fields = pairs.map(|pair| {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(end);
            (decode(name), decode(value.get(1..).unwrap_or_default()))
        });
        Self {
            fields: fields.collect(),
        }
    }

    /// The operation.
    pub(crate) fn action(&self) -> &str {
        self.optional("Action").unwrap_or_default()
    }

    /// A field that may be there.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// A field that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).ok_or_else(|| {
            ApiError::invalid(
                "InvalidParameter",
                format!("Invalid parameter: {name} Reason: no value for required parameter"),
            )
        })
    }

    /// The texts of a list: `Name.member.1`, `Name.member.2`, in no order that means anything.
    pub(crate) fn members(&self, name: &str) -> Vec<&str> {
        let prefix = format!("{name}.member.");
        let members = self.fields.iter().filter(|(field, _)| field.starts_with(&prefix));
        members.map(|(_, value)| value.as_str()).collect()
    }

    /// The entries of a list of structures: `Prefix.1.…`, `Prefix.2.…`, each with the rest of its names.
    pub(crate) fn entries(&self, prefix: &str) -> Vec<BTreeMap<&str, &str>> {
        let mut entries: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
        for (name, value) in &self.fields {
            let rest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
            let Some((number, rest)) = rest.and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            entries.entry(number).or_default().insert(rest, value);
        }
        entries.into_values().collect()
    }
}

/// An element with text in it, for answers.
pub(crate) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// The whole answer to an operation.
pub(crate) fn response(action: &str, namespace: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result><ResponseMetadata>\
         <RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// The whole answer when an operation failed.
pub(crate) fn error_response(error: &ApiError, request_id: &str) -> String {
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse><Error><Type>{fault}</Type>{}{}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        element("Code", &error.code),
        element("Message", &error.message),
    )
}

fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' | '\n' | '\t' => {
                // Writing to a String cannot fail.
                write!(escaped, "&#{};", u32::from(character)).ok();
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_and_its_lists_are_gathered_in_order() {
        let form = Form::parse(
            b"Action=Publish&Message=a+b%26c&A.entry.2.Name=y&A.entry.1.Name=x&A.entry.1.Value.T=1",
        );
        assert_eq!(form.action(), "Publish");
        assert_eq!(form.optional("Message"), Some("a b&c"));
        let entries = form.entries("A.entry");
        assert_eq!(entries[0].get("Name"), Some(&"x"));
        assert_eq!(entries[0].get("Value.T"), Some(&"1"));
        assert_eq!(entries[1].get("Name"), Some(&"y"));
    }

    #[test]
    fn texts_in_answers_are_escaped() {
        assert_eq!(element("M", "a<b>&\"\n"), "<M>a&lt;b&gt;&amp;&quot;&#10;</M>");
    }
}

//! The id that follows a file from the event that announced it to the end of its follow-up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A trace id in the form of AWS X-Ray, `1-<time>-<unique>`: that of the invocation that claimed the file, so that X-Ray's own
/// traces are found by it, or one that the ledger made where no invocation has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(String);

impl TraceId {
    /// Reads the id alone; `None` for what has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, unique) = text.strip_prefix("1-")?.split_once('-')?;
        (is_hex(time, 8) && is_hex(unique, 24)).then(|| Self(text.to_owned()))
    }

    /// Reads the id out of X-Ray's header, `Root=…;Parent=…;Sampled=…`, as Lambda hands it to an invocation.
    pub fn of_header(header: &str) -> Option<Self> {
        let mut fields = header.split(';').map(str::trim);
        fields
            .find_map(|field| field.strip_prefix("Root="))
            .and_then(Self::parse)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower case, as X-Ray writes it and the ledger's constraint wants it.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn the_header_of_an_invocation_has_the_id_as_its_root() {
        for header in [
            format!("Root={ID}"),
            format!("Root={ID};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"),
            format!("Self=1-67891234-12456789abcdef012345678a; Root={ID}"),
        ] {
            assert_eq!(TraceId::of_header(&header), TraceId::parse(ID), "{header}");
        }
    }

    #[test]
    fn what_has_another_form_is_no_id() {
        for text in [
            "",
            "1-5759e988",
            "2-5759e988-bd862e3fe1be46a994272793",
            "1-5759e988-bd862e3fe1be46a99427279",
            "1-5759e988-bd862e3fe1be46a9942727933",
            "1-5759E988-bd862e3fe1be46a994272793",
            "1-5759e988-bd862e3fe1be46a99427279/",
        ] {
            assert_eq!(TraceId::parse(text), None, "{text}");
        }
        assert_eq!(TraceId::of_header("Parent=53995c3f42cd8ad8;Sampled=1"), None);
        assert_eq!(TraceId::of_header(ID), None);
    }
}

//! `encoding-type=url`: keys in lists percent-encoded, so that any key survives XML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::EncodingType;

const LISTED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// Encodes keys, prefixes and delimiters of one answer, or leaves them as they are.
pub(super) struct Encoder {
    encodes: bool,
}

impl Encoder {
    /// The encoder that the client asked for.
    pub(super) fn new(wish: Option<&EncodingType>) -> Self {
        Self {
            encodes: wish.is_some_and(|wish| wish.as_str() == EncodingType::URL),
        }
    }

    /// One text of the answer.
    pub(super) fn encode(&self, text: &str) -> String {
        if self.encodes {
            utf8_percent_encode(text, LISTED).to_string()
        } else {
            text.to_owned()
        }
    }
}

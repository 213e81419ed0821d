//! Listing: pages of keys in the order of their bytes, rolled up at a delimiter.

use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Result, s3_error};

use crate::index::{IndexError, Read};
use crate::s3::record::{VERSIONS, Version};

/// The most that one page holds, whatever the client asks for.
pub(super) const MAX_PAGE: usize = 1000;

/// What to list.
pub(super) struct Query<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    pub(super) after: After,
    pub(super) max_keys: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    Start,
    Key(String),
    /// After every key that begins with this: the last page ended with a common prefix.
    Prefix(String),
}

impl After {
    /// The token that a client gives back to get the next page.
    pub(super) fn to_token(&self) -> String {
        let text = match self {
            Self::Start => "s".to_owned(),
            Self::Key(key) => format!("k{key}"),
            Self::Prefix(prefix) => format!("p{prefix}"),
        };
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads a token back; one that this service did not give is refused.
    pub(super) fn from_token(token: &str) -> S3Result<Self> {
        let refuse = || s3_error!(InvalidArgument, "The continuation token provided is incorrect");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refuse())?;
        let text = String::from_utf8(bytes).map_err(|_| refuse())?;
        match text.split_at_checked(1) {
            Some(("s", "")) => Ok(Self::Start),
            Some(("k", key)) => Ok(Self::Key(key.to_owned())),
            Some(("p", prefix)) => Ok(Self::Prefix(prefix.to_owned())),
            _ => Err(refuse()),
        }
    }

    /// The last key or common prefix, as ListObjects (version 1) calls its marker.
    pub(super) fn as_marker(&self) -> &str {
        match self {
            Self::Start => "",
            Self::Key(text) | Self::Prefix(text) => text,
        }
    }
}

/// A page of objects and common prefixes.
#[derive(Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Version)>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<After>,
}

/// Reads one page.
pub(super) fn page(read: &impl Read, query: &Query<'_>) -> Result<Page, IndexError> {
    let mut pager = Pager {
        query,
        page: Page::default(),
        last: After::Start,
        last_key: String::new(),
        done: false,
    };
    let mut from = first_key(query);
    while let Some((key, age)) = from.take().filter(|_| query.max_keys > 0) {
        let mut skip = None;
        read.scan(
            &VERSIONS,
            (query.bucket, &key, age),
            |(bucket, key, _), version| pager.visit(bucket, key, version, &mut skip),
        )?;
        if !pager.done {
            from = skip.as_deref().and_then(after_every_key_with).map(|key| (key, 0));
        }
    }
    Ok(pager.page)
}

struct Pager<'a> {
    query: &'a Query<'a>,
    page: Page,
    last: After,
    last_key: String,
    done: bool,
}

impl Pager<'_> {
    fn visit(
        &mut self,
        bucket: &str,
        key: &str,
        version: Version,
        skip: &mut Option<String>,
    ) -> ControlFlow<()> {
        if bucket != self.query.bucket || !key.starts_with(self.query.prefix) {
            self.done = true;
            return ControlFlow::Break(());
        }
        let is_older_version = self.last_key == key && !key.is_empty();
        key.clone_into(&mut self.last_key);
        if is_older_version || version.object().is_none() {
            return ControlFlow::Continue(());
        }
        if self.page.objects.len() + self.page.prefixes.len() >= self.query.max_keys {
            self.page.next = Some(self.last.clone());
            self.done = true;
            return ControlFlow::Break(());
        }
        if let Some(prefix) = common_prefix(key, self.query.prefix, self.query.delimiter) {
            self.page.prefixes.push(prefix.to_owned());
            self.last = After::Prefix(prefix.to_owned());
            *skip = Some(prefix.to_owned());
            return ControlFlow::Break(());
        }
        self.page.objects.push((key.to_owned(), version));
        self.last = After::Key(key.to_owned());
        ControlFlow::Continue(())
    }
}

/// The first place to look at, or none when nothing can follow.
fn first_key(query: &Query<'_>) -> Option<(String, u64)> {
    match &query.after {
        After::Key(key) if key.as_str() >= query.prefix => Some((key.clone(), u64::MAX)),
        After::Start | After::Key(_) => Some((query.prefix.to_owned(), 0)),
        After::Prefix(prefix) => after_every_key_with(prefix).map(|key| (key, 0)),
    }
}

/// The part of a key up to the first delimiter after the prefix.
pub(super) fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let position = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + position + delimiter.len())
}

/// The smallest text that is greater than every text that begins with `prefix`.
fn after_every_key_with(prefix: &str) -> Option<String> {
    let mut rest = prefix.chars();
    while let Some(last) = rest.next_back() {
        if let Some(next) = next_char(last) {
            return Some(format!("{}{next}", rest.as_str()));
        }
    }
    None
}

/// The next character in the order of UTF-8 bytes, which is the order of code points; surrogates are no characters.
fn next_char(character: char) -> Option<char> {
    match character {
        '\u{d7ff}' => Some('\u{e000}'),
        other => char::from_u32(u32::from(other) + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_after_a_prefix_skips_surrogates_and_carries() {
        assert_eq!(after_every_key_with("a/").as_deref(), Some("a0"));
        assert_eq!(after_every_key_with("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after_every_key_with("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_every_key_with("\u{10ffff}"), None);
    }

    #[test]
    fn a_token_comes_back_as_it_went_out() {
        for after in [
            After::Start,
            After::Key("ü/ä b".to_owned()),
            After::Prefix("p/".to_owned()),
        ] {
            assert_eq!(After::from_token(&after.to_token()).unwrap(), after);
        }
        assert!(After::from_token("!").is_err());
    }
}

//! Rules that the product makes for itself, and the feeds that they belong to.

use longshore_store::{Record, RuleBook, Sheet};

use super::draft::{Draft, Entry, Field};

/// The number of a feed of ours: that which it has, or the next free one, under which the draft then makes it.
pub(crate) fn feed(name: &str, seen: &RuleBook, draft: &mut Draft) -> String {
    let is_ours = |feed: &&Record| feed.get("interface_name").map(String::as_str) == Some(name);
    if let Some(number) = seen.interfaces.iter().find(is_ours).and_then(number) {
        return number.clone();
    }
    let numbers = seen.interfaces.iter().filter_map(number);
    let highest = numbers.filter_map(|number| number.parse::<u128>().ok()).max();
    let next = (highest.unwrap_or_default() + 1).to_string();
    let named = entry([("ext_interface_cid", next.as_str()), ("interface_name", name)]);
    draft.entries.insert(Sheet::Interface, vec![named]);
    next
}

fn number(feed: &Record) -> Option<&String> {
    feed.get(Sheet::Interface.key())
}

/// An entry that is in no document.
pub(crate) fn entry<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Entry {
    let field = |text: &str| Field {
        line: 0,
        text: Some(text.to_owned()),
    };
    Entry {
        fields: fields
            .into_iter()
            .map(|(name, text)| (name.to_owned(), field(text)))
            .collect(),
        ..Entry::default()
    }
}

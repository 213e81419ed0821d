//! Which records of a file are more than rows: its header, its trailer, its record types.

use super::cells::{is_yes, non_blank, word};
use super::{EmptyFilePolicy, HeaderPolicy, RuleFault, RuleRow, Trailer};

/// Each record type is an upload of its own, and S3 wants parts of 5 MiB.
const MOST_RECORD_TYPES: usize = 100;
/// More is no header.
const MOST_HEADER_RECORDS: u32 = 100;

pub(super) fn header(row: &RuleRow) -> Result<HeaderPolicy, RuleFault> {
    if !is_yes("header_flag", &row.header_flag)? {
        return Ok(HeaderPolicy::Absent);
    }
    let parse = |word: &str| match word {
        "ignore" => Some(HeaderPolicy::Ignore),
        "names" => Some(HeaderPolicy::Names),
        "names_and_order" => Some(HeaderPolicy::NamesAndOrder),
        _ => None,
    };
    word(
        "header_policy",
        &row.header_policy,
        "ignore",
        parse,
        "ignore, names or names_and_order",
    )
}

/// How many records come before the first row, where there is a header at all.
pub(super) fn header_records(row: &RuleRow) -> Result<u32, RuleFault> {
    let Some(records) = row.header_records else {
        return Ok(1);
    };
    if is_yes("header_flag", &row.header_flag).is_ok_and(|has_header| !has_header) {
        return Err(RuleFault::new(
            "header_records",
            "is set, and header_flag is N; write Y there, or leave it NULL",
        ));
    }
    let fits = u32::try_from(records).ok();
    fits.filter(|records| (1..=MOST_HEADER_RECORDS).contains(records))
        .ok_or_else(|| {
            RuleFault::new(
                "header_records",
                format!("is {records}; write how many records the header has, 1 to {MOST_HEADER_RECORDS}"),
            )
        })
}

pub(super) fn empty_file_policy(row: &RuleRow) -> Result<EmptyFilePolicy, RuleFault> {
    let parse = |word: &str| match word {
        "refuse" => Some(EmptyFilePolicy::Refuse),
        "accept" => Some(EmptyFilePolicy::Accept),
        _ => None,
    };
    word(
        "empty_file_policy",
        &row.empty_file_policy,
        "refuse",
        parse,
        "refuse or accept",
    )
}

pub(super) fn trailer(row: &RuleRow) -> Result<Option<Trailer>, RuleFault> {
    if !is_yes("trailer_flag", &row.trailer_flag)? {
        return Ok(None);
    }
    match (non_blank(&row.trailer_pstn), non_blank(&row.trailer_tag)) {
        (Some(_), Some(_)) => Err(RuleFault::new(
            "trailer_tag",
            "trailer_pstn is set too; the count is found by one of them, so clear the other",
        )),
        (Some(position), None) => Trailer::parse_position(&position)
            .map(Some)
            .map_err(|problem| RuleFault::new("trailer_pstn", problem)),
        (None, Some(tag)) => Ok(Some(Trailer::AfterTag(tag))),
        (None, None) => Err(RuleFault::new(
            "trailer_pstn",
            "is not set, though trailer_flag is Y; write where the count stands, for example 4:10, \
             or the text before it in trailer_tag",
        )),
    }
}

pub(super) fn split(row: &RuleRow) -> Result<Option<Vec<String>>, RuleFault> {
    if !is_yes("split_file_flag", &row.split_file_flag)? {
        return Ok(None);
    }
    let prefixes: Vec<String> = row
        .split_prefix
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|prefix| !prefix.is_empty())
        .map(str::to_owned)
        .collect();
    if prefixes.len() > MOST_RECORD_TYPES {
        return Err(RuleFault::new(
            "split_prefix",
            format!(
                "lists {} record types; each takes 5 MiB of memory while the file is cut, so at most \
                 {MOST_RECORD_TYPES} are taken",
                prefixes.len()
            ),
        ));
    }
    let repeated = prefixes
        .iter()
        .enumerate()
        .find(|(index, prefix)| prefixes[..*index].contains(prefix));
    match (prefixes.is_empty(), repeated) {
        (true, _) => Err(RuleFault::new(
            "split_prefix",
            "is not set, though split_file_flag is Y; list the prefixes of the record types, for example HD,DT",
        )),
        (false, Some((_, prefix))) => Err(RuleFault::new(
            "split_prefix",
            format!("{prefix:?} is listed twice"),
        )),
        (false, None) => Ok(Some(prefixes)),
    }
}

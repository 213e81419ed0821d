//! How values are typed.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Bucket, WatchedPrefix};
use longshore_domain::target::TableName;
use longshore_store::FileBeginning;
use uuid::Uuid;

pub(super) fn parse_table(text: &str) -> Result<TableName, String> {
    match text.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => Ok(TableName::new(schema, table)),
        _ => Err("write schema.table".to_owned()),
    }
}

/// A number of bytes, with a binary unit or without.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    let number: Option<u64> = digits.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "write a number of bytes, KiB, MiB, GiB or TiB, such as 100MiB".to_owned())
}

pub(super) fn parse_prefix(text: &str) -> Result<WatchedPrefix, String> {
    WatchedPrefix::parse(text).ok_or_else(|| "write s3://bucket/prefix".to_owned())
}

pub(super) fn parse_words(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.is_empty() {
        true => Err("it is blank; the ledger keeps it for whoever looks later".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The beginning of a name, or of a key: what has a slash is none of a name.
pub(super) fn parse_file(text: &str) -> Result<FileBeginning, String> {
    if let Some(place) = text.strip_prefix("s3://") {
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        return match bucket.is_empty() {
            true => Err("write s3://bucket/key, or a key or a name".to_owned()),
            false => Ok(FileBeginning::Key {
                bucket: Some(Bucket::new(bucket)),
                key: key.to_owned(),
            }),
        };
    }
    let text = text.to_owned();
    match (text.is_empty(), text.contains('/')) {
        (true, _) => Err("write the beginning of a name or of a key".to_owned()),
        (false, true) => Ok(FileBeginning::Key {
            bucket: None,
            key: text,
        }),
        (false, false) => Ok(FileBeginning::Name(text)),
    }
}

/// A moment in UTC, or in the zone that is written with it; or how long ago it was.
pub(super) fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    moment_at(text, Utc::now())
}

fn moment_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if let Some(ago) = parse_span(text) {
        return now
            .checked_sub_signed(ago)
            .ok_or_else(|| format!("{text} ago there was no time yet"));
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let with_time = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|layout| NaiveDateTime::parse_from_str(text, layout).ok());
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    with_time
        .or_else(midnight)
        .map(|moment| moment.and_utc())
        .ok_or_else(|| {
            "write 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z, or how long ago: 30m, 6h or 2d"
                .to_owned()
        })
}

/// Minutes, hours or days.
fn parse_span(text: &str) -> Option<TimeDelta> {
    let units = [("m", 60), ("h", 3_600), ("d", 86_400)];
    let (digits, seconds) = units
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number: u32 = digits.parse().ok()?;
    TimeDelta::try_seconds(i64::from(number) * seconds)
}

/// So much of an id must be typed.
const FEWEST_DIGITS: usize = 8;
const ALL_DIGITS: usize = 32;
/// Before which of its digits an id has a dash.
const DASHES: [usize; 4] = [8, 12, 16, 20];

/// An id as it is typed: whole, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdArgument {
    /// As it was typed.
    pub text: String,
    /// The first id that begins so.
    pub from: Uuid,
    /// The last one.
    pub to: Uuid,
}

impl IdArgument {
    /// The id, where it is whole.
    pub(crate) fn whole(&self) -> Option<Uuid> {
        (self.from == self.to).then_some(self.from)
    }

    /// Whether an id is meant by it.
    pub(crate) fn means(&self, id: Uuid) -> bool {
        (self.from..=self.to).contains(&id)
    }

    /// With its dashes or without any.
    fn read(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|one| *one != '-').collect();
        let is_known = (FEWEST_DIGITS..=ALL_DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let has_dashes = digits != text;
        if !is_known || (has_dashes && with_dashes(&digits) != text.trim_end_matches('-')) {
            return None;
        }
        let filled = |with: char| {
            let padded: String = digits
                .chars()
                .chain(std::iter::repeat(with))
                .take(ALL_DIGITS)
                .collect();
            Uuid::parse_str(&padded).ok()
        };
        Some(Self {
            text: text.to_owned(),
            from: filled('0')?,
            to: filled('f')?,
        })
    }
}

impl From<LoadId> for IdArgument {
    fn from(load: LoadId) -> Self {
        Self {
            text: load.to_string(),
            from: load.as_uuid(),
            to: load.as_uuid(),
        }
    }
}

fn with_dashes(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + DASHES.len());
    for (place, digit) in digits.chars().enumerate() {
        if DASHES.contains(&place) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

pub(super) fn parse_load(text: &str) -> Result<IdArgument, String> {
    IdArgument::read(text).ok_or_else(|| {
        "a load's id looks like 0197a3c2-…, of which 8 characters are enough; see: longshore load list"
            .to_owned()
    })
}

pub(super) fn parse_batch(text: &str) -> Result<IdArgument, String> {
    IdArgument::read(text).ok_or_else(|| {
        "the id looks like 0197a3c2-…, of which 8 characters are enough; see: longshore batch list".to_owned()
    })
}

pub(super) fn parse_state(text: &str) -> Result<LoadState, String> {
    LoadState::parse(text).ok_or_else(|| {
        let words: Vec<_> = LoadState::ALL.iter().map(|state| state.as_str()).collect();
        format!("the states are {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_minute_or_whatever_rfc_3339_says() {
        let moment = |text: &str| parse_moment(text).map(|moment| moment.to_rfc3339());
        assert_eq!(moment("2026-11-26").unwrap(), "2026-11-26T00:00:00+00:00");
        assert_eq!(moment("2026-11-26 07:30").unwrap(), "2026-11-26T07:30:00+00:00");
        assert_eq!(
            moment("2026-11-26T07:30:00+02:00").unwrap(),
            "2026-11-26T05:30:00+00:00"
        );
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn a_moment_is_also_so_long_ago() {
        let now = parse_moment("2026-11-26T07:30:00Z").unwrap();
        let moment = |text: &str| moment_at(text, now).map(|moment| moment.to_rfc3339());
        assert_eq!(moment("30m").unwrap(), "2026-11-26T07:00:00+00:00");
        assert_eq!(moment("6h").unwrap(), "2026-11-26T01:30:00+00:00");
        assert_eq!(moment("2d").unwrap(), "2026-11-24T07:30:00+00:00");
        for wrong in ["6", "h", "-6h", "6 h", "6x", "9999999999d", "4294967295d"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_may_be_typed_by_its_beginning() {
        let range = |text: &str| {
            let id = IdArgument::read(text)?;
            Some((id.from.to_string(), id.to.to_string()))
        };
        let whole = "1ebd3a00-c130-541e-af34-f69cd92bbfcb";
        assert_eq!(range(whole), Some((whole.to_owned(), whole.to_owned())));
        let beginning = (
            "1ebd3a00-c100-0000-0000-000000000000".to_owned(),
            "1ebd3a00-c1ff-ffff-ffff-ffffffffffff".to_owned(),
        );
        assert_eq!(range("1ebd3a00-c1"), Some(beginning.clone()));
        assert_eq!(range("1EBD3A00c1"), Some(beginning));
        assert!(range("1ebd3a00").is_some() && range("1ebd3a00-").is_some());
        for wrong in [
            "",
            "1ebd3a0",
            "1ebd-3a00",
            "1ebd3a00-c130541e",
            "first-load",
            &format!("{whole}0"),
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_has_a_slash_begins_a_key_and_anything_else_a_name() {
        let key = |bucket: Option<&str>, key: &str| FileBeginning::Key {
            bucket: bucket.map(Bucket::new),
            key: key.to_owned(),
        };
        let name = |name: &str| FileBeginning::Name(name.to_owned());
        assert_eq!(parse_file("PRICES_2026").unwrap(), name("PRICES_2026"));
        assert_eq!(parse_file("in/PRICES").unwrap(), key(None, "in/PRICES"));
        assert_eq!(parse_file("s3://b/in/A.txt").unwrap(), key(Some("b"), "in/A.txt"));
        assert_eq!(parse_file("s3://b").unwrap(), key(Some("b"), ""));
        assert!(parse_file("").is_err() && parse_file("s3:///x").is_err());
    }
}

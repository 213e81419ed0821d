//! How values are typed.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::target::TableName;
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

/// A moment in UTC, or in the zone that is written with it.
pub(super) fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
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
        .ok_or_else(|| "write 2026-11-26, 2026-11-26 07:30 or 2026-11-26T07:30:00Z".to_owned())
}

pub(super) fn parse_load(text: &str) -> Result<LoadId, String> {
    Uuid::parse_str(text)
        .map(LoadId::from_uuid)
        .map_err(|_| "a load's id looks like 0197a3c2-…; see: longshore load list".to_owned())
}

pub(super) fn parse_batch(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| "the id looks like 0197a3c2-…; see: longshore batch list".to_owned())
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
}

//! What a cell of a table, or a fact, says of a load.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_store::Load;

/// The file's name, and the record type of a part or the target of a delivery.
pub(crate) fn file(load: &Load) -> String {
    match (&load.record_type, &load.target) {
        (Some(record_type), _) => format!("{} [{record_type}]", load.file_name),
        (None, Some(target)) => format!("{} → {target}", load.file_name),
        (None, None) => load.file_name.clone(),
    }
}

/// A count, or nothing.
pub(crate) fn number(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// A moment to the millisecond, in UTC.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The code of an error, which the guide to codes explains, and what it says.
pub(crate) fn fault(load: &Load) -> Option<String> {
    if load.state == LoadState::TransformFailed {
        let error = load.retry.error.as_deref().unwrap_or_default();
        return Some(format!("{}: {error}", Outcome::FollowUpFailed.as_str()));
    }
    coded(load.error_code.as_deref(), load.error.as_deref())
}

/// The same of an error that has a code.
pub(crate) fn coded(code: Option<&str>, error: Option<&str>) -> Option<String> {
    let error = error?;
    Some(match code {
        Some(code) => format!("{code}: {error}"),
        None => error.to_owned(),
    })
}

/// What is wrong with a load, or what it waits for and why.
pub(crate) fn trouble(load: &Load) -> String {
    if let Some(fault) = fault(load) {
        return fault;
    }
    let waits = load.due_at.filter(|_| load.finished_at.is_none());
    let failure = load.retry.error.as_ref().filter(|_| load.finished_at.is_none());
    match (waits, failure) {
        (Some(_), Some(failure)) => format!("waits until {}: {failure}", waiting(load)),
        (Some(_), None) => format!("waits until {}", waiting(load)),
        (None, Some(failure)) => format!("tried again: {failure}"),
        (None, None) => String::new(),
    }
}

/// Until when a load waits, and for what.
pub(crate) fn waiting(load: &Load) -> String {
    let until = load.due_at.map(moment).unwrap_or_default();
    match &load.waits_for {
        Some(rule) if rule.starts_with("rule ") => format!("{rule} is resumed"),
        Some(table) if table.starts_with("table ") => {
            format!("{until}, or until fewer loads of {table} are under way")
        }
        Some(warehouse) => format!("{until}, or until {warehouse} is back"),
        None => until,
    }
}

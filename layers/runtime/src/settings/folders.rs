//! Where in the bucket files land, are worked on, and end up.

use longshore_domain::object::WatchedPrefix;

use super::reader::Reader;
use super::{ARCHIVE_FOLDER, PROCESSING_FOLDER, Settings, WATCHED_PREFIXES};

pub(super) fn folder(reader: &mut Reader, name: &'static str, default: &str) -> String {
    let text = reader.or_default(name, default);
    let folder = text.trim_matches('/');
    let is_plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part
                .chars()
                .any(|character| character.is_control() || character == '\\')
    };
    if !folder.split('/').all(is_plain) {
        reader.fault(
            name,
            format!("is {text:?}; it must be a plain folder name such as {default:?}"),
        );
    }
    folder.to_owned()
}

/// A file in the archive must not look like work of ours, nor the other way round.
pub(super) fn check_apart(reader: &mut Reader, settings: &Settings) {
    let archive = format!("{}/", settings.archive_folder);
    let processing = format!("{}/", settings.processing_folder);
    if archive.starts_with(&processing) || processing.starts_with(&archive) {
        let what = format!(
            "is {:?} and {ARCHIVE_FOLDER} is {:?}; neither may be the other or lie in it",
            settings.processing_folder, settings.archive_folder
        );
        reader.fault(PROCESSING_FOLDER, what);
    }
}

pub(super) fn watched_prefixes(reader: &mut Reader) -> Vec<WatchedPrefix> {
    let text = reader.or_default(WATCHED_PREFIXES, "");
    let mut watched = Vec::new();
    for url in text.split([',', ' ', '\n', '\t']).filter(|url| !url.is_empty()) {
        match WatchedPrefix::parse(url) {
            Some(prefix) => watched.push(prefix),
            None => reader.fault(
                WATCHED_PREFIXES,
                format!("has {url:?} in it; each must be s3://bucket/prefix"),
            ),
        }
    }
    check_prefixes_apart(reader, &watched);
    watched
}

/// A prefix within another would be listed twice.
fn check_prefixes_apart(reader: &mut Reader, watched: &[WatchedPrefix]) {
    for (index, one) in watched.iter().enumerate() {
        let lies_in =
            |other: &WatchedPrefix| one.bucket == other.bucket && one.prefix.starts_with(&other.prefix);
        let mut others = watched.iter().enumerate().filter(|(place, _)| *place != index);
        if let Some((_, other)) = others.find(|(_, other)| lies_in(other)) {
            reader.fault(
                WATCHED_PREFIXES,
                format!("has {one} in it, which lies in {other}; leave it out"),
            );
        }
    }
}

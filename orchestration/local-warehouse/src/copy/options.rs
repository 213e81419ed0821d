//! The options of COPY: their names, and which of them go together.

use std::collections::BTreeSet;

use crate::sql::SqlError;

/// How records look: at most one of these.
const FORMATS: [&str; 7] = ["CSV", "FIXEDWIDTH", "JSON", "AVRO", "PARQUET", "ORC", "SHAPEFILE"];

/// Pairs that the manual calls incompatible.
const EXCLUSIONS: &[(&str, &[&str])] = &[
    ("CSV", &["REMOVEQUOTES", "ESCAPE"]),
    ("DELIMITER", &["FIXEDWIDTH"]),
    ("ESCAPE", &["FIXEDWIDTH"]),
    ("MAXERROR", &["IGNOREALLERRORS"]),
    ("JSON", &AWAY_FROM_DOCUMENTS),
    ("AVRO", &AWAY_FROM_DOCUMENTS),
    ("SHAPEFILE", &["REMOVEQUOTES", "ESCAPE"]),
    ("GZIP", &["BZIP2", "LZOP", "ZSTD"]),
    ("BZIP2", &["LZOP", "ZSTD"]),
    ("LZOP", &["ZSTD"]),
    ("MASTER_SYMMETRIC_KEY", &["CREDENTIALS"]),
    (
        "IAM_ROLE",
        &[
            "ACCESS_KEY_ID",
            "SECRET_ACCESS_KEY",
            "SESSION_TOKEN",
            "CREDENTIALS",
        ],
    ),
    (
        "CREDENTIALS",
        &["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"],
    ),
];

/// Options that make no sense where records are documents.
const AWAY_FROM_DOCUMENTS: [&str; 7] = [
    "DELIMITER",
    "ESCAPE",
    "FILLRECORD",
    "IGNOREBLANKLINES",
    "NULL AS",
    "REMOVEQUOTES",
    "READRATIO",
];

/// The only options that go with PARQUET and ORC: the manual lists these instead of those that do not.
const COLUMNAR_OPTIONS: [&str; 13] = [
    "PARQUET",
    "ORC",
    "ACCEPTINVCHARS",
    "FILLRECORD",
    "IAM_ROLE",
    "CREDENTIALS",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "STATUPDATE",
    "MANIFEST",
    "EXPLICIT_IDS",
    "SERIALIZETOJSON",
];

/// Options that are parsed here and not executed.
const UNSUPPORTED: [&str; 1] = ["SHAPEFILE"];

const NAMES: [&str; 46] = [
    "IAM_ROLE",
    "CREDENTIALS",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "MASTER_SYMMETRIC_KEY",
    "REGION",
    "MANIFEST",
    "ENCRYPTED",
    "CSV",
    "DELIMITER",
    "FIXEDWIDTH",
    "SHAPEFILE",
    "AVRO",
    "JSON",
    "PARQUET",
    "ORC",
    "SERIALIZETOJSON",
    "BZIP2",
    "GZIP",
    "LZOP",
    "ZSTD",
    "ACCEPTANYDATE",
    "ACCEPTINVCHARS",
    "BLANKSASNULL",
    "DATEFORMAT",
    "EMPTYASNULL",
    "ENCODING",
    "ESCAPE",
    "EXPLICIT_IDS",
    "FILLRECORD",
    "IGNOREBLANKLINES",
    "IGNOREHEADER",
    "NULL AS",
    "REMOVEQUOTES",
    "ROUNDEC",
    "TIMEFORMAT",
    "TRIMBLANKS",
    "TRUNCATECOLUMNS",
    "COMPROWS",
    "COMPUPDATE",
    "MAXERROR",
    "NOLOAD",
    "STATUPDATE",
    "IGNOREALLERRORS",
    "READRATIO",
];

/// The option that a word begins; the manual's spelling names it from then on.
pub(super) fn option_name(word: &str) -> Option<&'static str> {
    let word = if word == "null" { "null as" } else { word };
    NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(word))
}

/// Checks that the options that were seen go together, and with the source.
///
/// # Errors
/// [`SqlError::Refused`] with the names of both when they do not, or when one lacks another; [`SqlError::Unsupported`] for what is not executed here.
pub(super) fn check_combination(seen: &BTreeSet<&'static str>, source: &str) -> Result<(), SqlError> {
    check_exclusions(seen)?;
    check_columnar(seen)?;
    check_authorization(seen)?;
    if !source.starts_with("s3://") {
        return Err(SqlError::unsupported(format!(
            "COPY FROM '{source}' (only s3:// is)"
        )));
    }
    if seen.contains("READRATIO") {
        return Err(refused("READRATIO is not compatible with COPY from Amazon S3"));
    }
    if seen.contains("ENCRYPTED") && seen.contains("CREDENTIALS") {
        return Err(SqlError::unsupported(
            "the key of COPY option ENCRYPTED in CREDENTIALS (only MASTER_SYMMETRIC_KEY is)",
        ));
    }
    match UNSUPPORTED.into_iter().find(|name| seen.contains(name)) {
        Some(name) => Err(SqlError::unsupported(format!("COPY option {name}"))),
        None => Ok(()),
    }
}

fn check_exclusions(seen: &BTreeSet<&'static str>) -> Result<(), SqlError> {
    let mut formats = FORMATS.into_iter().filter(|name| seen.contains(name));
    if let (Some(one), Some(other)) = (formats.next(), formats.next()) {
        return Err(incompatible(one, other));
    }
    for (one, others) in EXCLUSIONS.iter().filter(|(one, _)| seen.contains(one)) {
        if let Some(other) = others.iter().find(|other| seen.contains(*other)) {
            return Err(incompatible(one, other));
        }
    }
    Ok(())
}

fn check_columnar(seen: &BTreeSet<&'static str>) -> Result<(), SqlError> {
    let columnar = ["PARQUET", "ORC"].into_iter().find(|name| seen.contains(name));
    match columnar {
        Some(columnar) => match seen.iter().find(|name| !COLUMNAR_OPTIONS.contains(name)) {
            Some(stranger) => Err(incompatible(columnar, stranger)),
            None => Ok(()),
        },
        None if seen.contains("SERIALIZETOJSON") => {
            Err(refused("SERIALIZETOJSON needs FORMAT PARQUET or ORC"))
        }
        None => Ok(()),
    }
}

fn check_authorization(seen: &BTreeSet<&'static str>) -> Result<(), SqlError> {
    let has = |name: &str| seen.contains(name);
    if has("ENCRYPTED") && !has("MASTER_SYMMETRIC_KEY") && !has("CREDENTIALS") {
        return Err(refused("ENCRYPTED needs MASTER_SYMMETRIC_KEY or CREDENTIALS"));
    }
    if has("MASTER_SYMMETRIC_KEY") && !has("ENCRYPTED") {
        return Err(refused("MASTER_SYMMETRIC_KEY needs ENCRYPTED"));
    }
    let has_keys = has("ACCESS_KEY_ID") && has("SECRET_ACCESS_KEY");
    if has("SESSION_TOKEN") && !has_keys {
        return Err(refused("SESSION_TOKEN needs ACCESS_KEY_ID and SECRET_ACCESS_KEY"));
    }
    if !has("IAM_ROLE") && !has("CREDENTIALS") && !has_keys {
        return Err(refused(
            "COPY needs one of IAM_ROLE, CREDENTIALS, or ACCESS_KEY_ID with SECRET_ACCESS_KEY",
        ));
    }
    Ok(())
}

fn incompatible(one: &str, other: &str) -> SqlError {
    refused(format!("{one} is not compatible with {other}"))
}

/// A statement that Redshift refuses with this sentence.
pub(super) fn refused(message: impl Into<String>) -> SqlError {
    SqlError::Refused {
        message: message.into(),
    }
}

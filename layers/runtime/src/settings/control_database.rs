//! The control database: where its tables are, and how it is connected to. Which database it is, its secret says where they do not.

use std::num::NonZeroU16;

use super::reader::Reader;
use super::{
    DATABASE_PORT, DATABASE_TLS, MAX_CONNECTIONS, POSTGRES_CONFIG_AUDIT_TABLE, POSTGRES_CONFIG_TABLE,
};

const RULE_TABLE: &str = "EXT_FILE_CONFIG";
const AUDIT_TABLE: &str = "EXT_FILE_AUDIT";
const DEFAULT_SCHEMA: &str = "RDSCNFG";
const DEFAULT_MAX_CONNECTIONS: usize = 4;

/// Whether the connection to the control database is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseTls {
    /// Encrypted, and the server proves who it is.
    Required,
    /// Not encrypted: for a socket, or a server on this machine.
    Off,
}

pub(super) fn control_schema(reader: &mut Reader) -> String {
    let rules = schema_of(reader, POSTGRES_CONFIG_TABLE, RULE_TABLE);
    let audit = schema_of(reader, POSTGRES_CONFIG_AUDIT_TABLE, AUDIT_TABLE);
    if let (Some(rules), Some(audit)) = (&rules, &audit)
        && rules != audit
    {
        let what =
            format!("is in schema {audit}, {POSTGRES_CONFIG_TABLE} in {rules}; both must be in the same one");
        reader.fault(POSTGRES_CONFIG_AUDIT_TABLE, what);
    }
    rules.unwrap_or_else(|| DEFAULT_SCHEMA.to_ascii_lowercase())
}

/// The schema in a table setting, in lower case, as PostgreSQL keeps a name that was written without quotes.
fn schema_of(reader: &mut Reader, name: &'static str, table: &str) -> Option<String> {
    let text = reader.or_default(name, &format!("{DEFAULT_SCHEMA}.{table}"));
    let is_word = |word: &str| {
        let starts_well = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        starts_well
            && word
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_')
    };
    match text.split_once('.') {
        Some((schema, found)) if found.eq_ignore_ascii_case(table) && is_word(schema) => {
            Some(schema.to_ascii_lowercase())
        }
        _ => {
            let expected =
                format!("it may name another schema; the table names themselves are fixed: <schema>.{table}");
            reader.fault(name, format!("is {text:?}; {expected}"));
            None
        }
    }
}

pub(super) fn port(reader: &mut Reader) -> Option<u16> {
    reader.optional(DATABASE_PORT)?;
    let port: NonZeroU16 = reader.parsed(DATABASE_PORT, NonZeroU16::MIN, "a port from 1 to 65535");
    Some(port.get())
}

pub(super) fn database_tls(reader: &mut Reader) -> Option<DatabaseTls> {
    let words = [("required", DatabaseTls::Required), ("off", DatabaseTls::Off)];
    reader.word(DATABASE_TLS, &words)
}

pub(super) fn max_connections(reader: &mut Reader) -> usize {
    let most = reader.parsed(MAX_CONNECTIONS, DEFAULT_MAX_CONNECTIONS, "a number from 2 to 100");
    if !(2..=100).contains(&most) {
        reader.fault(
            MAX_CONNECTIONS,
            format!("is {most}; it must be a number from 2 to 100"),
        );
    }
    most
}

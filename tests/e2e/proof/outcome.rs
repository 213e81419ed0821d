//! A file that landed, and what should have become of it when all is over.

/// A file and its expected end.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    pub(crate) kind: &'static str,
    pub(crate) file_name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What should be on record in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub(crate) state: &'static str,
    /// The folder of the archive.
    pub(crate) shelf: String,
    /// What people are told about the file itself, once each.
    pub(crate) told: &'static [&'static str],
    /// The status of the one audit row; none when no feed is known.
    pub(crate) audit: Option<&'static str>,
    /// Its rows: the table and their ids. None of a part's.
    pub(crate) rows: Vec<(String, i32)>,
    /// The loads of its record types, or its deliveries.
    pub(crate) parts: Vec<Part>,
}

/// A record type of a file that is split, or the warehouse of a delivery: it should be loaded.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: Vec<(String, i32)>,
}

impl Landed {
    /// Every row that the warehouse should have of it.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &(String, i32)> {
        let parts = self.expected.parts.iter().flat_map(|part| &part.rows);
        self.expected.rows.iter().chain(parts)
    }
}

//! Rules as a document: read with places, compared with the tables, written out again.

pub(crate) mod draft;
pub(crate) mod export;
pub(crate) mod near;
pub(crate) mod plan;
pub(crate) mod write;

use std::fmt;
use std::io::Read as _;
use std::path::Path;

pub(crate) use longshore_domain::document::{self as tree, Fault};

use crate::exit::input;

/// The text of a file, or of stdin for `-`.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| input(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text)
}

/// Every fault of a document, each with its place, the first lines first.
#[derive(Debug)]
pub(crate) struct Faults {
    /// What the document is called.
    pub name: String,
    /// Never empty.
    pub list: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list: Vec<_> = self.list.iter().collect();
        list.sort_by_key(|fault| fault.line);
        for (index, fault) in list.into_iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            match fault.line {
                0 => write!(formatter, "{}: {}", self.name, fault.what)?,
                line => write!(formatter, "{}:{line}: {}", self.name, fault.what)?,
            }
        }
        Ok(())
    }
}

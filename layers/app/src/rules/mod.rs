//! Rules as a document: read with places, compared with the tables, written out again.

pub mod change;
pub mod draft;
pub mod export;
pub mod file;
pub(crate) mod own;
pub mod plan;
pub mod write;

use std::fmt;

pub use longshore_domain::document::{self as tree, Fault};
pub use longshore_domain::near;

/// Every fault of a document, each with its place, the first lines first.
#[derive(Debug)]
pub struct Faults {
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

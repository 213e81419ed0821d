//! The transaction of a set: several tables, each filled as a load of its own would fill it, all of them or none.
//!
//! 1. `LOCK` the marker tables of all targets, in the order of their names, so that two sets cannot wait for each other.
//! 2. guard: one expression over all marker tables.
//! 3. of each section the statements from the stage to the operator's SQL.
//! 4. the markers: that of the set beside those of the first section's files, of the others those of their files.

use std::collections::BTreeMap;

use longshore_domain::rule::LoadMode;
use longshore_domain::statement::LoadStep;

use super::parts::Parts;
use super::{LoadRequest, LoadTransaction, TransactionError};

/// The statements of the transaction of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTransaction {
    /// The statements in order. The Data API takes 40.
    pub statements: Vec<String>,
    /// Which step each statement is, place for place.
    pub steps: Vec<LoadStep>,
    /// Which section each statement belongs to; `None` where it is for all.
    pub sections: Vec<Option<usize>>,
}

/// Why a set's transaction cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFault {
    /// The section at fault; `None` where it is all of them together.
    pub section: Option<usize>,
    /// Why.
    pub error: TransactionError,
}

impl GroupTransaction {
    /// Renders the transaction of sections that are all of one load, that of the set.
    ///
    /// # Errors
    /// What of which section cannot stand in SQL, or that all of it is more than the Data API takes.
    pub fn render(requests: &[LoadRequest<'_>]) -> Result<Self, GroupFault> {
        would_delete_each_other(requests)?;
        let mut sections = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let of_section = |error| GroupFault {
                section: Some(index),
                error,
            };
            let parts = Parts::quote_section(request, &format!("_{index}")).map_err(of_section)?;
            let mut rows = LoadTransaction::empty();
            rows.load_rows(&parts, request).map_err(of_section)?;
            sections.push((parts, rows));
        }
        let mut whole = Self {
            statements: Vec::new(),
            steps: Vec::new(),
            sections: Vec::new(),
        };
        let parts: Vec<&Parts> = sections.iter().map(|(parts, _)| parts).collect();
        whole.push(None, LoadStep::Lock, lock(&parts));
        whole.push(None, LoadStep::Guard, guard(&parts));
        for (index, (_, rows)) in sections.iter().enumerate() {
            for (step, statement) in rows.steps.iter().zip(&rows.statements) {
                whole.push(Some(index), *step, statement.clone());
            }
        }
        for (index, parts) in parts.iter().enumerate() {
            if index == 0 {
                whole.push(Some(index), LoadStep::Marker, parts.insert_marker());
            }
            for markers in parts.insert_carried_markers() {
                whole.push(Some(index), LoadStep::Marker, markers);
            }
        }
        whole.within_limits()
    }

    fn push(&mut self, section: Option<usize>, step: LoadStep, statement: String) {
        self.sections.push(section);
        self.steps.push(step);
        self.statements.push(statement);
    }

    fn within_limits(self) -> Result<Self, GroupFault> {
        let Self {
            statements,
            steps,
            sections,
        } = self;
        let together = LoadTransaction { statements, steps };
        let fault = |error| GroupFault { section: None, error };
        let LoadTransaction { statements, steps } = together.within_limits().map_err(fault)?;
        Ok(Self {
            statements,
            steps,
            sections,
        })
    }
}

fn lock(parts: &[&Parts]) -> String {
    let mut tables: Vec<String> = parts.iter().map(|parts| parts.marker.to_string()).collect();
    tables.sort_unstable();
    tables.dedup();
    format!("LOCK TABLE {}", tables.join(", "))
}

fn guard(parts: &[&Parts]) -> String {
    let markers: Vec<String> = parts
        .iter()
        .map(|parts| {
            format!(
                "SELECT load_id FROM {} WHERE load_id {}",
                parts.marker,
                parts.is_one_of_ours()
            )
        })
        .collect();
    format!(
        "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM (\n{}\n) AS markers",
        markers.join("\nUNION ALL\n")
    )
}

fn would_delete_each_other(requests: &[LoadRequest<'_>]) -> Result<(), GroupFault> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        let table = request.table.to_string().to_lowercase();
        let Some(earlier) = first.insert(table, index) else {
            continue;
        };
        for request in [&requests[earlier], request] {
            if matches!(request.mode, LoadMode::Truncate | LoadMode::ReplacePeriod(_)) {
                return Err(GroupFault {
                    section: Some(index),
                    error: TransactionError::WouldDeleteEachOther {
                        table: request.table.to_string(),
                        mode: request.mode.as_str(),
                    },
                });
            }
        }
    }
    Ok(())
}

//! Markers: the lock on their table, the guard that looks for one, the rows that prove a load.

use super::parts::Parts;
use super::quote::text;
use super::{CarriedLoad, MAX_STATEMENT_BYTES, TransactionError};
use crate::literal::Literal;

/// What a marker says of a load of which nobody counted the rows; the column takes no NULL.
const NOT_COUNTED: i64 = -1;

/// What the marker of a carried load says.
pub(super) struct CarriedMarker {
    load_id: Literal,
    object_url: Literal,
    rows: i64,
}

impl CarriedMarker {
    pub(super) fn quote(carried: &CarriedLoad<'_>) -> Result<Self, TransactionError> {
        let counted = carried.rows.and_then(|rows| i64::try_from(rows).ok());
        Ok(Self {
            load_id: text("load id", &carried.load.to_string())?,
            object_url: text("object's address", carried.object_url)?,
            rows: counted.unwrap_or(NOT_COUNTED),
        })
    }
}

impl Parts {
    pub(super) fn lock(&self) -> String {
        format!("LOCK TABLE {}", self.marker)
    }

    /// A division by zero when a marker is there. Any number of them: Redshift does not enforce a primary key.
    pub(super) fn guard(&self) -> String {
        format!(
            "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM {} WHERE load_id {}",
            self.marker,
            self.is_one_of_ours()
        )
    }

    pub(super) fn is_one_of_ours(&self) -> String {
        if self.carried.is_empty() {
            return format!("= {}", self.load_id);
        }
        let carried = self.carried.iter().map(|carried| &carried.load_id);
        let ids: Vec<String> = std::iter::once(&self.load_id)
            .chain(carried)
            .map(ToString::to_string)
            .collect();
        format!("IN ({})", ids.join(", "))
    }

    pub(super) fn insert_marker(&self) -> String {
        format!(
            "INSERT INTO {} (load_id, object_url, row_count, loaded_at)\nSELECT {}, {}, COUNT(*), GETDATE()\nFROM {}",
            self.marker,
            self.load_id,
            self.object_url,
            self.moved()
        )
    }

    /// As few statements as hold the markers of what is carried.
    pub(super) fn insert_carried_markers(&self) -> Vec<String> {
        let head = format!(
            "INSERT INTO {} (load_id, object_url, row_count, loaded_at)\nVALUES",
            self.marker
        );
        let mut statements: Vec<String> = Vec::new();
        for CarriedMarker {
            load_id,
            object_url,
            rows,
        } in &self.carried
        {
            let values = format!("\n    ({load_id}, {object_url}, {rows}, GETDATE())");
            match statements.last_mut() {
                Some(last) if last.len() + 1 + values.len() <= MAX_STATEMENT_BYTES => {
                    last.push(',');
                    last.push_str(&values);
                }
                _ => statements.push(format!("{head}{values}")),
            }
        }
        statements
    }
}

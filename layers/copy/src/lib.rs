//! The only crate that writes SQL for the warehouse.
//!
//! It goes from a rule and a load to the text of one transaction that loads it exactly once. Names and texts have types
//! that can only be rendered quoted, so neither a file's name nor a rule can say more than its own name in SQL. It must
//! not do I/O or know a clock or a connection, and takes SQL from a rule only where that is what the column is for: the
//! follow-up, and what runs beside it in the load's transaction.
//!
//! ```
//! use longshore_copy::{Identifier, Literal, marker};
//! use longshore_domain::target::TableName;
//!
//! let table = TableName::new("rdsftetl", "PA_Flavor");
//! assert_eq!(marker::marker_table(&table)?.to_string(), r#""longshore"."rdsftetl$pa_flavor""#);
//! assert_eq!(Identifier::new("Select")?.to_string(), r#""select""#);
//! assert_eq!(Literal::new("it's")?.to_string(), "'it''s'");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

pub mod ddl;
mod exclusion;
mod follow_up;
pub mod identifier;
mod keyword;
pub mod literal;
pub mod manifest;
pub mod marker;
pub mod option;
mod option_text;
mod own_sql;
pub mod row_errors;
pub mod script;
pub mod snapshot;
mod spec;
mod split;
pub mod standing;
mod token;
pub mod transaction;

pub use identifier::{Identifier, IdentifierError, QualifiedTable};
pub use literal::{Literal, LiteralError, OptionText};
pub use manifest::{Manifest, ManifestEntry, ManifestError};
pub use script::{WarehouseScript, sample_sql, warehouse_sql};
pub use spec::{CopySpec, KEY_PLACEHOLDER};
pub use split::split_statements;
pub use transaction::{
    CarriedLoad, GroupFault, GroupTransaction, LoadRequest, LoadTransaction, TransactionError,
};

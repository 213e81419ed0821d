//! Dated snapshots: files whose names tell the date of their data, and the tables that are made to fit them.
//!
//! [`Layout`] says where the data of a date lies and which date a key is about; [`Granularity`] and a time zone turn that date
//! into the [`Span`] of the table that it replaces; [`Description`] is the table as somebody wants it, and [`fit()`] says what is
//! to be done about the one that is there. [`Schedule`] says when new data is looked for.

mod column_type;
mod date;
mod description;
mod fit;
mod layout;
mod policy;
mod schedule;

pub use column_type::ColumnType;
pub use date::{DataDate, Granularity, Span, StreamBounds, parse_time_zone};
pub use description::{DescribedColumn, Description};
pub use fit::{Fit, TableColumn, fit};
pub use layout::{Layout, NO_EXTENSION, Place, Suffix};
pub use policy::{Freshness, Holds, Replaces, TableChanges};
pub use schedule::Schedule;

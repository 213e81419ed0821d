//! The words of Longshore and the decisions that need nothing but words.
//!
//! Everything here is pure: no I/O, no clock, no async. A caller passes in what was read and gets back what it
//! means: which rule an object falls under, what a rule row says and what is wrong with it, whether a load may move
//! from one state to another, what a message to a person should read.
//!
//! ```
//! use longshore_domain::object::ObjectKey;
//!
//! let key = ObjectKey::new("external_input/PROD_20151015_150510973_PA_FLAVOR_527.txt");
//! assert_eq!(key.token(), "527");
//! assert_eq!(key.extension(), Some("txt"));
//! ```

pub mod archive;
pub mod chain;
pub mod check;
pub mod disposition;
pub mod document;
pub mod fault;
pub mod group;
pub mod load;
pub mod matching;
pub mod near;
pub mod notification;
pub mod object;
pub mod one_line;
pub mod preparation;
pub mod queue;
pub mod reject;
pub mod retry;
pub mod rule;
pub mod snapshot;
pub mod statement;
pub mod target;
pub mod time_zone;
pub mod trace;

//! What the proofs of "exactly once" share: files of every kind, what should become of them, and the books that show what did.
//!
//! The map: [`kind`] makes feeds and files with rows that no other file has; [`landing`] lands them and keeps count; [`books`]
//! reads everything that is on record, in the warehouse and in the bucket; [`reckoning`] compares and names every breach;
//! [`settle`] waits until nothing is left to do, on the product's own reconciler alone.

mod books;
mod kind;
mod landing;
mod outcome;
mod reckoning;
mod settle;
mod wishes;

pub(crate) use books::{Entry, ledger};
pub(crate) use kind::{Feeds, Kind};
pub(crate) use landing::Landings;
pub(crate) use outcome::{Expected, Landed, Part};
pub(crate) use reckoning::Reckoning;
pub(crate) use settle::{Patience, settle, wait_for};
pub(crate) use wishes::{seed, wish};

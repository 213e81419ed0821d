//! What every test stands on.

mod feed;
mod lambda;
mod mailbox;
mod reconciled;
mod story;
mod warehouse;
mod world;

pub(crate) use feed::{Feed, RuleBuilder};
pub(crate) use lambda::Answer;
pub(crate) use story::{Load, Story};
pub(crate) use warehouse::Rows;
pub(crate) use world::{PATIENCE, Stack, World};

use std::sync::atomic::{AtomicU32, Ordering};

/// A number that no other feed, rule or file of this run has.
pub(crate) fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(10_001);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

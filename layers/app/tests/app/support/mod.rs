//! A world around the use cases: a real control database, and everything else scripted, numbered and breakable.

pub(crate) mod bench;
pub(crate) mod by_hand;
pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod files;
pub(crate) mod line;
pub(crate) mod notifier;
pub(crate) mod picture;
pub(crate) mod rules;
pub(crate) mod transaction;
pub(crate) mod warehouse;
pub(crate) mod world;

//! Everything that landed on a stack, and the account of it in the end.

use anyhow::{Context, bail};

use crate::support::World;

use super::{Feeds, Kind, Landed, Patience, Reckoning, settle};

/// Stories that a failure tells.
const MOST_STORIES: usize = 3;

/// The feeds of a stack and what landed in them.
#[derive(Debug)]
pub(crate) struct Landings {
    pub(crate) feeds: Feeds,
    landed: Vec<(Landed, String)>,
}

impl Landings {
    /// Nothing yet.
    pub(crate) async fn new(world: &World) -> anyhow::Result<Self> {
        Ok(Self {
            feeds: Feeds::create(world).await.context("make a feed of every kind")?,
            landed: vec![],
        })
    }

    /// How many files landed.
    pub(crate) fn count(&self) -> usize {
        self.landed.len()
    }

    /// Lands a file of a kind.
    pub(crate) async fn land(&mut self, world: &World, kind: Kind) -> anyhow::Result<Landed> {
        let file = self.feeds.file(kind)?;
        self.put(world, file.clone()).await?;
        Ok(file)
    }

    /// Lands a file.
    pub(crate) async fn put(&mut self, world: &World, file: Landed) -> anyhow::Result<()> {
        let key = world.input_key(&file.file_name);
        let etag = world.put(&key, file.bytes.clone()).await?;
        self.landed.push((file, etag));
        Ok(())
    }

    /// Waits until nothing is left to do and compares everything that is on record with what landed. A breach is an error that
    /// tells the stories of the files concerned.
    pub(crate) async fn account_for(&self, world: &World, patience: Patience) -> anyhow::Result<Reckoning> {
        let unsettled = settle(world, self.count(), patience).await.err();
        let reckoning = Reckoning::draw_up(world, &self.feeds, &self.landed).await?;
        if unsettled.is_none() && reckoning.is_sound() {
            return Ok(reckoning);
        }
        let mut account = unsettled.map(|error| format!("{error:#}\n")).unwrap_or_default();
        account.push_str(&reckoning.to_string());
        for key in reckoning.broken_keys().take(MOST_STORIES) {
            account.push_str(&world.tell(key).await?);
        }
        bail!("{account}")
    }
}

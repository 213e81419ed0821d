//! A stack on which the reconciler may be run at will: what waits its turn need not wait for the next minute.

use std::process::Output;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail, ensure};
use longshore_testkit::LocalStackOptions;

use super::world::Stack;
use super::{Load, Story, World};

static RECONCILED: LazyLock<Result<Arc<Stack>, String>> = LazyLock::new(start);
static ASKED_ABOUT_FILES: LazyLock<Result<Arc<Stack>, String>> = LazyLock::new(start);

fn start() -> Result<Arc<Stack>, String> {
    Stack::start(LocalStackOptions::default())
        .map(Arc::new)
        .map_err(|error| format!("{error:#}"))
}

/// Far more runs than it takes.
const MOST_RUNS: usize = 200;

impl World {
    /// The stack that tests share which run the reconciler.
    pub(crate) async fn reconciled() -> anyhow::Result<Self> {
        match &*RECONCILED {
            Ok(stack) => Self::on(Arc::clone(stack)).await,
            Err(error) => bail!("the stack did not start: {error}"),
        }
    }

    /// The same for tests about files and queues: a run takes up every refused file whose rule is mended, which those that replay
    /// one by hand want to do themselves.
    pub(crate) async fn asked_about_files() -> anyhow::Result<Self> {
        match &*ASKED_ABOUT_FILES {
            Ok(stack) => Self::on(Arc::clone(stack)).await,
            Err(error) => bail!("the stack did not start: {error}"),
        }
    }

    /// Runs a command of the operator's.
    pub(crate) fn longshore(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.stack.local.command(arguments)?;
        command.output().with_context(|| format!("run {arguments:?}"))
    }

    /// Runs the reconciler until everything about so many loads of a key is done and told.
    pub(crate) async fn reconcile_until_settled(
        &self,
        key: &str,
        count: usize,
    ) -> anyhow::Result<Vec<Story>> {
        for _ in 0..MOST_RUNS {
            let loads = self.loads_of(key).await?;
            let whole = loads.iter().filter(|load| !load.is_part()).count();
            if whole >= count && loads.iter().all(Load::is_settled) {
                return self.stories(key, count).await;
            }
            let run = self.longshore(&["reconcile", "--idle", "0"])?;
            let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            ensure!(run.status.success(), "{}{}", said(&run.stdout), said(&run.stderr));
        }
        let loads = self.loads_of(key).await?;
        bail!("{key} did not come to {count} settled loads in {MOST_RUNS} runs: {loads:#?}")
    }
}

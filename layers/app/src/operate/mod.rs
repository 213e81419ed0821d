//! What an operator does to loads by hand: looked at first, then done, and on record with who and why.
//!
//! Each is judged before anything is done, so that a dry run says exactly what would happen and what is refused.

mod cancel;
mod follow_up;
mod forget;
mod replay;

use longshore_domain::load::{LoadId, LoadState};
use longshore_store::{Lease, Load, Operator};

use crate::process::ProcessObject;
use crate::{App, AppError, Invocation};

pub use cancel::CancelPlan;
pub use follow_up::FollowUpAgain;
pub use replay::{ReplayChoice, ReplayPlan};

/// What would be done, or why it is refused, with what to do instead.
pub type Judged<T> = Result<T, String>;

/// The use cases.
#[derive(Clone, Copy)]
pub struct Operate<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works: an invocation like any other, with leases of its own.
    pub invocation: &'a Invocation,
    /// Who wants it, and why.
    pub operator: &'a Operator,
}

impl Operate<'_> {
    /// Whether a load's lease can be taken away: gives the lease as it is.
    pub fn judge_release(load: &Load) -> Judged<Lease> {
        load.lease
            .clone()
            .ok_or_else(|| "nobody holds a lease on it".to_owned())
    }

    /// Takes a lease away from the owner that was shown; refused when another one has it by now.
    pub async fn release(&self, load: LoadId, lease: &Lease) -> Result<Judged<String>, AppError> {
        let now = self.app.clock.now();
        let taken = self
            .app
            .store
            .take_lease_away(load, lease, self.operator, now)
            .await?;
        Ok(match taken {
            true => Ok(format!(
                "taken away from {}; whoever comes next goes on",
                lease.owner
            )),
            false => Err("its holder has let go of it meanwhile; look again".to_owned()),
        })
    }

    /// Whether a load can be put aside: it must not have begun.
    pub fn judge_skip(&self, load: &Load) -> Judged<()> {
        match load.state {
            LoadState::Received => self.is_free(load),
            LoadState::Batched if load.batch.is_none() => Ok(()),
            LoadState::Batched => Err(in_a_batch(load)),
            LoadState::Prepared | LoadState::Queued | LoadState::Submitted => Err(format!(
                "it is {} already; stop it with: longshore load cancel {} --why TEXT",
                load.state, load.id
            )),
            LoadState::Delivering => Err(format!(
                "its deliveries are loads of their own, to be skipped one by one; see: longshore load show {}",
                load.id
            )),
            _ => Err(format!("it is {}: there is nothing left to skip", load.state)),
        }
    }

    /// Puts a load aside: it is skipped, its file goes to the archive, and that is told once.
    pub async fn skip(&self, load: &Load) -> Result<Judged<String>, AppError> {
        let now = self.app.clock.now();
        let moved = self.app.store.skip_by_hand(load.id, self.operator, now).await?;
        if !moved.has_moved() {
            return Ok(Err(format!("it is {} meanwhile; look again", moved.load().state)));
        }
        let process = ProcessObject {
            app: self.app,
            invocation: self.invocation,
        };
        match load.parent {
            Some(_) => process.resume_part(moved.into_load()).await?,
            None => {
                process.resume(load.id).await?;
            }
        }
        if load.is_delivery() {
            return Ok(Ok(
                "skipped; the file is put away with the last of its deliveries".to_owned(),
            ));
        }
        let load = self.app.store.load(load.id).await?;
        let place = load.and_then(|load| load.archived_key);
        Ok(Ok(match place {
            Some(key) => format!("skipped; its file is at {key}"),
            None => "skipped; another load of the same content puts the file away, or it is gone".to_owned(),
        }))
    }

    /// A lease that lives is somebody's who may be at work this very moment.
    fn is_free(&self, load: &Load) -> Judged<()> {
        match &load.lease {
            Some(lease) if lease.until > self.app.clock.now() => Err(format!(
                "{} works on it until {}; wait, or if that one is dead: longshore load release {} --why TEXT",
                lease.owner,
                lease.until.format("%Y-%m-%d %H:%M:%S"),
                load.id
            )),
            _ => Ok(()),
        }
    }
}

/// Where to turn for a load that is not on its own.
fn in_a_batch(load: &Load) -> String {
    match (load.batch, load.buffer) {
        (Some(batch), _) => {
            format!("batch {batch} carries it; look with: longshore batch show {batch}")
        }
        (None, Some(buffer)) => {
            format!(
                "it waits for a batch; have that made with: longshore batch flush {buffer} --why TEXT, or put the file aside \
                 with: longshore load skip {} --why TEXT",
                load.id
            )
        }
        (None, None) => "it waits for a batch".to_owned(),
    }
}

//! What an operator does to loads, as the commands do it: judged first, then done.

use longshore_app::{CancelPlan, Invocation, Judged, Operate, Operator, ReplayChoice, ReplayPlan};
use longshore_domain::load::LoadId;
use longshore_store::Load;

use super::world::World;

/// Puts a load aside.
pub(crate) async fn skip(world: &World, load: LoadId) {
    let load = found(world, load).await;
    let hand = Hand::of(world);
    let operate = hand.operate();
    operate.judge_skip(&load).unwrap();
    Box::pin(operate.skip(&load)).await.unwrap().unwrap();
}

/// Has a failed load's follow-up run again, from the step that failed or another one.
pub(crate) async fn follow_up_again(world: &World, load: LoadId, from: Option<u32>) {
    let load = found(world, load).await;
    let hand = Hand::of(world);
    let operate = hand.operate();
    let again = operate.judge_follow_up(&load, from).await.unwrap().unwrap();
    operate.follow_up_again(&again).await.unwrap().unwrap();
}

/// Has a load's file loaded again. Gives the new load.
pub(crate) async fn replay(world: &World, load: LoadId) -> LoadId {
    let plan = judge_replay(world, load).await.unwrap();
    let hand = Hand::of(world);
    let operate = hand.operate();
    operate.replay(&plan).await.unwrap().unwrap().id
}

/// Stops a load.
pub(crate) async fn cancel(world: &World, load: LoadId) {
    let load = found(world, load).await;
    let hand = Hand::of(world);
    let operate = hand.operate();
    let plan = operate.judge_cancel(&load).await.unwrap().unwrap();
    Box::pin(operate.cancel(&load, &plan)).await.unwrap().unwrap();
}

/// Whether a load can be stopped, or why not.
pub(crate) async fn judge_cancel(world: &World, load: LoadId) -> Judged<CancelPlan> {
    let load = found(world, load).await;
    let hand = Hand::of(world);
    let operate = hand.operate();
    operate.judge_cancel(&load).await.unwrap()
}

/// Whether a load can happen again in place of what it brought, or why not.
pub(crate) async fn judge_replay(world: &World, load: LoadId) -> Judged<ReplayPlan> {
    let load = found(world, load).await;
    let hand = Hand::of(world);
    let operate = hand.operate();
    operate.judge_replay(&load, ReplayChoice::Replace).await.unwrap()
}

async fn found(world: &World, load: LoadId) -> Load {
    world.app.store.load(load).await.unwrap().unwrap()
}

/// Who does it.
struct Hand<'a> {
    world: &'a World,
    invocation: Invocation,
    operator: Operator,
}

impl<'a> Hand<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            invocation: world.invocation("by hand"),
            operator: Operator {
                name: "ann".to_owned(),
                reason: "a test".to_owned(),
            },
        }
    }

    fn operate(&self) -> Operate<'_> {
        Operate {
            app: &self.world.app,
            invocation: &self.invocation,
            operator: &self.operator,
        }
    }
}

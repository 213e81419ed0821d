//! `load replay`, `load cancel`, `load release`, `load skip` and `load follow-up`, and `file forget` and `file reprocess`: said first, done with
//! `--yes`.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use longshore_app::{App, CancelPlan, Invocation, Judged, Operate, ReplayChoice, ReplayPlan};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::RuleId;
use longshore_store::{LIST_LIMIT, Load, LoadFilter, Operator, ReplayedAs, Sequel};
use serde::Serialize;
use uuid::Uuid;

use super::cells::file;
use super::dry_run::Earnest;
use super::file::loads_of;
use super::ids::load_id;
use super::load::find;
use crate::cli::{
    ByHandArguments, FileArguments, FollowUpArguments, HandArguments, IdArgument, ReplayArguments,
};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, note};

/// How long what is begun here may take before somebody else may take it up.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// What would be done to a load, or was, or why not.
#[derive(Debug, Serialize)]
struct Line {
    load: LoadId,
    file: String,
    state: LoadState,
    /// What would be done, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// Why nothing is done, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// Whether something was done.
    done: bool,
}

impl Line {
    fn of(load: &Load, outcome: Judged<String>, done: bool) -> Self {
        let (outcome, refused) = match outcome {
            Ok(outcome) => (Some(outcome), None),
            Err(refused) => (None, Some(refused)),
        };
        Self {
            load: load.id,
            file: file(load),
            state: load.state,
            done: done && refused.is_none(),
            outcome,
            refused,
        }
    }
}

/// One command at work.
struct Hand {
    app: App,
    invocation: Invocation,
    operator: Operator,
    earnest: Earnest,
}

impl Hand {
    async fn of(arguments: HandArguments, deployment: &Deployment) -> anyhow::Result<Self> {
        Ok(Self {
            app: deployment.app().await?,
            invocation: Invocation {
                request_id: format!("longshore/{}", Uuid::now_v7()),
                deadline: Utc::now() + PATIENCE,
                trace: None,
            },
            operator: arguments.operator(),
            earnest: Earnest::of(&arguments),
        })
    }

    fn operate(&self) -> Operate<'_> {
        Operate {
            app: &self.app,
            invocation: &self.invocation,
            operator: &self.operator,
        }
    }

    /// The named loads, each once. One that is not there stops the command before anything is done.
    async fn loads(&self, ids: &[IdArgument]) -> anyhow::Result<Vec<Load>> {
        let mut seen = BTreeSet::new();
        let mut loads = Vec::with_capacity(ids.len());
        for id in ids {
            let id = load_id(&self.app.store, id).await?;
            if seen.insert(id) {
                loads.push(find(&self.app.store, id).await?);
            }
        }
        Ok(loads)
    }

    fn report(&self, lines: &[Line], output: Output) -> anyhow::Result<ExitStatus> {
        if output.is_json() {
            output.json(&lines)?;
        } else {
            let row = |line: &Line| {
                let refused = line.refused.as_ref().map(|refused| format!("refused: {refused}"));
                vec![
                    line.load.to_string(),
                    line.file.clone(),
                    line.state.to_string(),
                    line.outcome.clone().or(refused).unwrap_or_default(),
                ]
            };
            output.table(
                &["load", "file", "state", self.earnest.heading()],
                lines.iter().map(row).collect(),
            )?;
        }
        self.earnest.close();
        Ok(match lines.iter().any(|line| line.refused.is_some()) {
            true => ExitStatus::Input,
            false => ExitStatus::Done,
        })
    }
}

/// Lets files happen again.
pub(crate) async fn replay(
    arguments: ReplayArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let choice = match arguments.accept_duplicates {
        true => ReplayChoice::AcceptDuplicates,
        false => ReplayChoice::Replace,
    };
    let filter = selection(&arguments);
    let hand = Hand::of(arguments.hand, deployment).await?;
    let loads = match filter {
        Some(filter) => hand.select(&filter).await?,
        None => hand.loads(&arguments.ids).await?,
    };
    hand.replay(&loads, choice, output).await
}

/// Lets the newest loads of keys happen again.
pub(crate) async fn reprocess(
    arguments: FileArguments,
    accept_duplicates: bool,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let choice = match accept_duplicates {
        true => ReplayChoice::AcceptDuplicates,
        false => ReplayChoice::Replace,
    };
    let hand = Hand::of(arguments.hand, deployment).await?;
    let loads = hand.newest_of(&arguments.urls).await?;
    hand.replay(&loads, choice, output).await
}

/// Lets files be loaded again when they are sent again.
pub(crate) async fn forget(
    arguments: FileArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = Hand::of(arguments.hand, deployment).await?;
    let mut lines = Vec::new();
    for load in hand.newest_of(&arguments.urls).await? {
        let outcome = match hand.operate().judge_forget(&load).await? {
            Ok(_) if hand.earnest.is_done() => hand.operate().forget(&load).await?,
            judged => judged,
        };
        lines.push(Line::of(&load, outcome, hand.earnest.is_done()));
    }
    hand.report(&lines, output)
}

fn selection(arguments: &ReplayArguments) -> Option<LoadFilter> {
    Some(LoadFilter {
        state: arguments.state,
        rule: Some(RuleId(arguments.rule?)),
        since: arguments.since,
        until: arguments.until,
        limit: LIST_LIMIT,
        ..LoadFilter::default()
    })
}

impl Hand {
    /// The newest load of each key. A key without one stops the command before anything is done.
    async fn newest_of(&self, urls: &[String]) -> anyhow::Result<Vec<Load>> {
        let mut newest = Vec::with_capacity(urls.len());
        let distinct: BTreeSet<_> = urls.iter().collect();
        for url in distinct {
            newest.extend(loads_of(&self.app.store, url).await?.into_iter().next());
        }
        Ok(newest)
    }

    async fn replay(
        &self,
        loads: &[Load],
        choice: ReplayChoice,
        output: Output,
    ) -> anyhow::Result<ExitStatus> {
        let mut lines = Vec::with_capacity(loads.len());
        for load in loads {
            let outcome = match self.operate().judge_replay(load, choice).await? {
                Ok(plan) if self.earnest.is_done() => self.make(&plan).await?,
                Ok(plan) => Ok(plan.sentence),
                Err(refused) => Err(refused),
            };
            lines.push(Line::of(load, outcome, self.earnest.is_done()));
        }
        if lines.iter().any(|line| line.done) {
            note("The reconciler takes replays up within a minute; at once: longshore reconcile --idle 0");
        }
        self.report(&lines, output)
    }

    /// The loads of a rule, the oldest first, of one content the newest alone: the others are that file, too. Those of which
    /// something came already are left out, and counted.
    async fn select(&self, filter: &LoadFilter) -> anyhow::Result<Vec<Load>> {
        let store = &self.app.store;
        let listed = store.list_loads(filter).await?;
        if listed.len() >= LIST_LIMIT as usize {
            return Err(input(format!(
                "these are {LIST_LIMIT} loads or more; bring --since and --until closer together"
            )));
        }
        let mut seen = BTreeSet::new();
        let loads: Vec<_> = listed
            .into_iter()
            .filter(|load| {
                filter.state.is_some() || matches!(load.state, LoadState::Failed | LoadState::Rejected)
            })
            // What a file's deliveries lack, its own replay brings.
            .filter(|load| !load.is_delivery())
            .filter(|load| {
                let object = &load.object;
                let etag = object.etag.clone().unwrap_or_default();
                let part = (load.record_type.clone(), load.target.clone());
                seen.insert((object.key.to_string(), etag, part))
            })
            .collect();
        let ids: Vec<_> = loads.iter().map(|load| load.id).collect();
        let sequels = store.sequels(&ids).await?;
        let mut left_out = LeftOut::default();
        let wanted = loads
            .into_iter()
            .rev()
            .filter(|load| !left_out.counts(sequels.get(&load.id)));
        let loads: Vec<_> = wanted.collect();
        let left_out = left_out.told();
        if loads.is_empty() {
            return Err(input(format!(
                "no load of that rule in that time is in that state{}; see: longshore load list --rule ID",
                left_out
                    .map(|told| format!(" and open ({told})"))
                    .unwrap_or_default()
            )));
        }
        if let Some(told) = left_out {
            note(format!(
                "Left out: {told}. Name one by its id to replay it all the same."
            ));
        }
        Ok(loads)
    }

    async fn make(&self, plan: &ReplayPlan) -> anyhow::Result<Judged<String>> {
        let made = self.operate().replay(plan).await?;
        Ok(made.map(|load| format!("{}, as load {}", plan.sentence, load.id)))
    }
}

/// Loads that a selection leaves out, since nobody needs them again.
#[derive(Debug, Default)]
struct LeftOut {
    replayed: usize,
    replaced: usize,
}

impl LeftOut {
    /// Whether a load is left out, and then it is counted. One whose replay failed is not: that the replay is another load's affair
    /// helps only where that one is selected, and then it is the newest of its content and stands for both.
    fn counts(&mut self, sequel: Option<&Sequel>) -> bool {
        let Some(sequel) = sequel else { return false };
        let has_failed = |replay: &ReplayedAs| {
            matches!(
                replay.state,
                LoadState::Failed | LoadState::Rejected | LoadState::TransformFailed
            )
        };
        if sequel
            .replayed_as
            .as_ref()
            .is_some_and(|replay| !has_failed(replay))
        {
            self.replayed += 1;
            return true;
        }
        if sequel.replaced_by.is_some() {
            self.replaced += 1;
            return true;
        }
        false
    }

    /// How many and why.
    fn told(&self) -> Option<String> {
        let reasons = [
            (self.replayed, "replayed already"),
            (self.replaced, "replaced by a later file that is loaded"),
        ];
        let told: Vec<_> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// Stops loads.
pub(crate) async fn cancel(
    arguments: ByHandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = Hand::of(arguments.hand, deployment).await?;
    let mut lines = Vec::new();
    for load in hand.loads(&arguments.ids).await? {
        let outcome = match hand.operate().judge_cancel(&load).await? {
            Ok(plan) if hand.earnest.is_done() => hand.operate().cancel(&load, &plan).await?,
            Ok(CancelPlan::Unsent) => {
                Ok("end it as failed: nothing was handed to the warehouse yet".to_owned())
            }
            Ok(CancelPlan::Statement { id, .. }) => Ok(format!("ask the warehouse to stop statement {id}")),
            Err(refused) => Err(refused),
        };
        lines.push(Line::of(&load, outcome, hand.earnest.is_done()));
    }
    hand.report(&lines, output)
}

/// Takes leases away.
pub(crate) async fn release(
    arguments: ByHandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = Hand::of(arguments.hand, deployment).await?;
    let mut lines = Vec::new();
    for load in hand.loads(&arguments.ids).await? {
        let outcome = match Operate::judge_release(&load) {
            Ok(lease) if hand.earnest.is_done() => hand.operate().release(load.id, &lease).await?,
            Ok(lease) => Ok(format!(
                "take it away from {}, who has it to {} until {}",
                lease.owner,
                lease.step.as_str(),
                lease.until.format("%Y-%m-%d %H:%M:%S")
            )),
            Err(refused) => Err(refused),
        };
        lines.push(Line::of(&load, outcome, hand.earnest.is_done()));
    }
    hand.report(&lines, output)
}

/// Puts loads aside.
pub(crate) async fn skip(
    arguments: ByHandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = Hand::of(arguments.hand, deployment).await?;
    let mut lines = Vec::new();
    for load in hand.loads(&arguments.ids).await? {
        let outcome = match hand.operate().judge_skip(&load) {
            Ok(()) if hand.earnest.is_done() => hand.operate().skip(&load).await?,
            // The file of a delivery, or of a part, is that of others too; another stays as its rule says.
            Ok(()) if load.parent.is_some() || load.file_stays => Ok("skip it; its file stays".to_owned()),
            Ok(()) => Ok("skip it and put its file into the archive".to_owned()),
            Err(refused) => Err(refused),
        };
        lines.push(Line::of(&load, outcome, hand.earnest.is_done()));
    }
    hand.report(&lines, output)
}

/// Runs a follow-up again.
pub(crate) async fn follow_up(
    arguments: FollowUpArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = Hand::of(arguments.hand, deployment).await?;
    let id = load_id(&hand.app.store, &arguments.id).await?;
    let load = find(&hand.app.store, id).await?;
    let outcome = match hand.operate().judge_follow_up(&load, arguments.from).await? {
        Ok(again) if hand.earnest.is_done() => hand.operate().follow_up_again(&again).await?,
        judged => judged.map(|again| again.sentence),
    };
    let line = Line::of(&load, outcome, hand.earnest.is_done());
    if line.done {
        note("The reconciler sends it within three minutes; at once: longshore reconcile --idle 0");
    }
    hand.report(&[line], output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequel(replay: Option<LoadState>, is_replaced: bool) -> Sequel {
        let load = LoadId::from_uuid(Uuid::nil());
        Sequel {
            replayed_as: replay.map(|state| ReplayedAs { load, state }),
            replaced_by: is_replaced.then_some(load),
            is_open: replay.is_none() && !is_replaced,
        }
    }

    #[test]
    fn what_came_of_a_load_leaves_it_out_and_is_counted() {
        let mut left_out = LeftOut::default();
        let cases = [
            (None, false),
            (Some(sequel(None, false)), false),
            (Some(sequel(Some(LoadState::Failed), false)), false),
            (Some(sequel(Some(LoadState::Complete), false)), true),
            (Some(sequel(Some(LoadState::Queued), false)), true),
            (Some(sequel(None, true)), true),
        ];
        for (sequel, expected) in cases {
            assert_eq!(left_out.counts(sequel.as_ref()), expected, "{sequel:?}");
        }
        let told = left_out.told().unwrap_or_default();
        assert_eq!(
            told,
            "2 replayed already, 1 replaced by a later file that is loaded"
        );
        assert_eq!(LeftOut::default().told(), None);
    }
}

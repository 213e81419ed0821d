//! Groups: the files of several rules that form a set go through one transaction, or none of them does.
//!
//! A file joins its set once it is prepared and its rule found to make a transaction, as it would join a batch. When the set is
//! whole, a load is made that carries all of them. One that is not whole in time is made too, and fails: so each of its files is
//! put away, audited and may be replayed, and people are told once what was missing.

pub(crate) mod size;
mod transaction;

use longshore_domain::group::{Arrived, LoadGroup, SetStanding, USUAL_AGE, set_of};
use longshore_domain::load::LoadId;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FileRule, MOST_IN_A_SET, ResendPolicy, RuleFault, RuleFaults, RuleId, RuleRow};
use longshore_store::{
    BufferId, Leaving, MadeBatch, RejectedMember, SameContent, SetMember, Superseded, WaitingSet,
};
use serde::{Deserialize, Serialize};
use tracing::info;

use self::size::fault_of_size;
use self::transaction::{failed_set, plan_set};
use crate::batch::{Making, Recipe};
use crate::{App, AppError, superseded, trace};

/// As many files as one transaction may carry, and one more to see that there are more.
const FILES_SEEN: u32 = MOST_IN_A_SET + 1;
/// So many refused files of a set are named.
const MOST_REJECTED: usize = 10;

/// What a file is to its set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum SetPart {
    /// It is loaded.
    Data {
        /// How.
        recipe: Box<Recipe>,
    },
    /// It says that the set is there.
    Sentinel,
    /// It says which files the set has.
    Control {
        /// Their names.
        lists: Vec<String>,
    },
}

/// The rules of a group as they are now.
struct Rules {
    rows: Vec<RuleRow>,
    rules: Vec<FileRule>,
    group: LoadGroup,
}

/// Reads and judges the rules of a group; what is wrong with them, each fault with its rule.
async fn rules_of(app: &App, name: &str) -> Result<Result<Rules, Vec<RuleFaults>>, AppError> {
    let rows = app.store.rules_of_group(name).await?;
    Ok(judge(rows, app))
}

fn judge(rows: Vec<RuleRow>, app: &App) -> Result<Rules, Vec<RuleFaults>> {
    let mut faults = Vec::new();
    let mut rules = Vec::new();
    for row in &rows {
        match FileRule::from_row(row) {
            Ok(rule) => rules.push(rule),
            Err(faulty) => faults.push(faulty),
        }
    }
    match LoadGroup::of(&rules, Some(&app.config.warehouse)) {
        Ok(group) if faults.is_empty() => match fault_of_size(&rules) {
            None => Ok(Rules { rows, rules, group }),
            Some(fault) => Err(by_rule(vec![fault])),
        },
        Ok(_) => Err(faults),
        Err(together) => {
            faults.extend(by_rule(together));
            Err(faults)
        }
    }
}

/// The faults of rules that are wrong together.
pub(crate) fn by_rule(faults: Vec<(RuleId, RuleFault)>) -> Vec<RuleFaults> {
    let one = |(rule, fault)| RuleFaults {
        rule,
        faults: vec![fault],
    };
    faults.into_iter().map(one).collect()
}

/// Why no file of a group can be loaded now; its own rule's faults come first.
pub(crate) async fn fault_of(app: &App, group: &str, rule: RuleId) -> Result<Option<RejectReason>, AppError> {
    let Err(faults) = rules_of(app, group).await? else {
        return Ok(None);
    };
    let told = |faulty: &RuleFaults| {
        let of_other = |fault: &RuleFault| {
            if faulty.rule == rule {
                return fault.clone();
            }
            RuleFault::new(
                "load_group",
                format!("rule {} of the group: {fault}", faulty.rule),
            )
        };
        faulty.faults.iter().map(of_other).collect::<Vec<_>>()
    };
    let (own, others): (Vec<_>, Vec<_>) = faults.iter().partition(|faulty| faulty.rule == rule);
    let faults = own.into_iter().chain(others).flat_map(told).collect();
    Ok(Some(RejectReason::RuleInvalid(RuleFaults { rule, faults })))
}

/// Makes the load that carries a set, when the set is whole, or when it may not wait any longer.
pub(crate) async fn make(app: &App, set: &WaitingSet, actor: &str) -> Result<Making, AppError> {
    if set.files == 0 {
        return Ok(Making::Nothing);
    }
    let members = app.store.set_members(set.id, FILES_SEEN).await?;
    let is_data = |member: &&SetMember| matches!(part_of(member), Some(SetPart::Data { .. }));
    let data: Vec<_> = members.iter().filter(is_data).map(|member| member.load).collect();
    if let Some(superseded) = superseded::first_of(app, set.id, &data).await? {
        return leave_replaced(app, set.id, &superseded, actor).await;
    }
    let now = app.clock.now();
    let rules = rules_of(app, &set.group).await?;
    let judged = match &rules {
        Ok(rules) => standing(&members, &rules.group),
        Err(faults) => SetStanding::Lacks(faults.iter().map(ToString::to_string).collect()),
    };
    let new = match judged {
        SetStanding::Whole(loads) if loads.len() <= MOST_IN_A_SET as usize => {
            let chosen: Vec<_> = members
                .iter()
                .filter(|member| loads.contains(&member.load))
                .collect();
            match &rules {
                Ok(rules) => plan_set(app, set, &chosen, rules).await?,
                Err(_) => return Ok(Making::Nothing),
            }
        }
        SetStanding::Whole(loads) => {
            let problem = format!("{} files are too many for one transaction", loads.len());
            let all: Vec<_> = members.iter().collect();
            failed_set(app, set, &all, rules.as_ref().ok(), "group_too_large", problem)?
        }
        SetStanding::Lacks(missing) => {
            if members.is_empty() || !is_over(app, set, rules.as_ref().ok()).await? {
                app.store.looked_at_set(set.id, now).await?;
                return Ok(Making::Nothing);
            }
            if let Some(left) = leave_if_repeated(app, set, &members, rules.as_ref().ok(), actor).await? {
                return Ok(left);
            }
            let all: Vec<_> = members.iter().collect();
            let missing = with_rejected(app, set, &members, rules.as_ref().ok(), missing).await?;
            let problem = format!("it lacks {}; nothing of it was loaded", missing.join("; "));
            failed_set(app, set, &all, rules.as_ref().ok(), "set_incomplete", problem)?
        }
    };
    match app.store.make_set(&new, now, actor).await? {
        MadeBatch::Made(load) => {
            info!(parent: &trace::span_of(&load, actor), files = new.loads.len(), "made load {} of {}", load.id, new.name);
            Ok(Making::Made(load.id))
        }
        MadeBatch::Overtaken | MadeBatch::Waits { .. } => Ok(Making::Overtaken),
    }
}

/// What a set lacks now; none of it where it is whole or a load was made of it.
pub async fn set_lacks(app: &App, set: &WaitingSet) -> Result<Vec<String>, AppError> {
    let members = app.store.set_members(set.id, FILES_SEEN).await?;
    Ok(match rules_of(app, &set.group).await? {
        Ok(rules) => match standing(&members, &rules.group) {
            SetStanding::Whole(_) => vec![],
            SetStanding::Lacks(missing) => with_rejected(app, set, &members, Some(&rules), missing).await?,
        },
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    })
}

/// What a set lacks, and which of its files were refused: those are why it lacks something, or will be told of in vain.
async fn with_rejected(
    app: &App,
    set: &WaitingSet,
    members: &[SetMember],
    rules: Option<&Rules>,
    mut missing: Vec<String>,
) -> Result<Vec<String>, AppError> {
    let (Some(rules), Some(first_at)) = (rules, set.first_at) else {
        return Ok(missing);
    };
    // A file may have been refused before the first one that was not.
    let since = chrono::TimeDelta::from_std(rules.group.max_age)
        .ok()
        .and_then(|age| first_at.checked_sub_signed(age))
        .unwrap_or(first_at);
    let ids: Vec<RuleId> = rules.rules.iter().map(|rule| rule.id).collect();
    let rejected = app.store.set_rejected(&set.bucket, &ids, since).await?;
    let is_of_set = |file: &&RejectedMember| {
        let rule = rules.rules.iter().find(|rule| rule.id == file.rule);
        let part = rule.and_then(|rule| rule.group.as_ref());
        part.is_some_and(|part| set_of(part, &file.key, &file.captures).as_ref() == Ok(&set.set))
            && members.iter().all(|member| member.key != file.key)
    };
    let named = rejected.iter().filter(is_of_set).map(|file| {
        format!(
            "{} of rule {}, which was rejected ({})",
            file.key, file.rule, file.error
        )
    });
    missing.extend(named.take(MOST_REJECTED));
    Ok(missing)
}

/// Of a set that may not wait any longer and has nothing but sentinels or control files that were loaded with an earlier set,
/// lets the first one go: it was sent a second time. There may have been more to come, as where each day's set lies in one folder,
/// which is why it was let in. `None`: the set has something else, or its rule says that what comes again counts.
async fn leave_if_repeated(
    app: &App,
    set: &WaitingSet,
    members: &[SetMember],
    rules: Option<&Rules>,
    actor: &str,
) -> Result<Option<Making>, AppError> {
    let Some(rules) = rules else { return Ok(None) };
    let mut first = None;
    for member in members {
        match loaded_before(app, member, rules).await? {
            Some(earlier) => first = first.or(Some((member.load, earlier))),
            None => return Ok(None),
        }
    }
    let Some((load, earlier)) = first else {
        return Ok(None);
    };
    let note = format!(
        "the same content was loaded before, as load {earlier}, and nothing else came of another set"
    );
    leave(app, set.id, load, Leaving::Repeated { note: &note }, actor)
        .await
        .map(Some)
}

/// Lets a load leave its set whose file was sent again.
async fn leave_replaced(
    app: &App,
    set: BufferId,
    superseded: &Superseded,
    actor: &str,
) -> Result<Making, AppError> {
    let by = superseded::successor_of(app, superseded.load).await?;
    let note = superseded::replaced_by(by.unwrap_or(superseded.by));
    leave(
        app,
        set,
        superseded.load,
        Leaving::Replaced { note: &note, by },
        actor,
    )
    .await
}

/// Lets a load leave its set or its buffer, skipped, with the note why.
pub(crate) async fn leave(
    app: &App,
    set: BufferId,
    load: LoadId,
    leaving: Leaving<'_>,
    actor: &str,
) -> Result<Making, AppError> {
    let now = app.clock.now();
    let moved = app.store.leave_buffer(load, set, leaving, now, actor).await?;
    Ok(match moved.has_moved() {
        true => {
            info!("skipped load {load}: {}", leaving.note());
            Making::Left(load)
        }
        false => Making::Overtaken,
    })
}

/// The load that a sentinel or a control file was loaded as before, where its rule says that it does not count again.
async fn loaded_before(app: &App, member: &SetMember, rules: &Rules) -> Result<Option<LoadId>, AppError> {
    let is_leader = matches!(part_of(member), Some(SetPart::Sentinel | SetPart::Control { .. }));
    let Some(rule) = rules
        .rules
        .iter()
        .find(|rule| is_leader && rule.id == member.rule)
    else {
        return Ok(None);
    };
    let replayed = app.store.load(member.load).await?.and_then(|load| load.resend);
    if replayed.unwrap_or(rule.resend) != ResendPolicy::Skip {
        return Ok(None);
    }
    let others = app.store.same_content(member.load).await?;
    let loaded = |other: &&SameContent| other.has_rows && other.destination.rule == Some(rule.id);
    Ok(others.iter().find(loaded).map(|other| other.load))
}

/// While a rule of the group is paused its files are not lacking, they wait; nor are those that are on the ledger and did not come so
/// far yet, as when it was resumed just now.
async fn is_over(app: &App, set: &WaitingSet, rules: Option<&Rules>) -> Result<bool, AppError> {
    let now = app.clock.now();
    if set.flush_at.is_some_and(|at| at <= now) {
        return Ok(true);
    }
    let max_age = rules.map_or(USUAL_AGE, |rules| rules.group.max_age);
    let waited = set
        .first_at
        .and_then(|at| (now - at).to_std().ok())
        .unwrap_or_default();
    if waited < max_age {
        return Ok(false);
    }
    let Some(rules) = rules else { return Ok(true) };
    if rules.rows.iter().any(|row| row.paused) {
        return Ok(false);
    }
    let ids: Vec<RuleId> = rules.rules.iter().map(|rule| rule.id).collect();
    Ok(!app.store.awaits(set, &ids, &rules.group.key).await?)
}

/// What waits, judged by the rules of its group.
fn standing(members: &[SetMember], group: &LoadGroup) -> SetStanding {
    let parts: Vec<_> = members.iter().map(part_of).collect();
    let arrived: Vec<_> = members
        .iter()
        .zip(&parts)
        .map(|(member, part)| Arrived {
            load: member.load,
            rule: member.rule,
            key: &member.key,
            lists: match part {
                Some(SetPart::Control { lists }) => Some(lists),
                Some(SetPart::Data { .. } | SetPart::Sentinel) | None => None,
            },
        })
        .collect();
    group.judge(&arrived)
}

fn part_of(member: &SetMember) -> Option<SetPart> {
    serde_json::from_value(member.part.clone()).ok()
}

/// Whether a buffer is that of a set, and then makes the load that is due of it.
pub(crate) async fn make_if_set(
    app: &App,
    buffer: BufferId,
    actor: &str,
) -> Result<Option<Making>, AppError> {
    match app.store.waiting_set(buffer).await? {
        Some(set) => make(app, &set, actor).await.map(Some),
        None => Ok(None),
    }
}

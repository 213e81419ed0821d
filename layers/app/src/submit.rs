//! Handing statements over so that no statement is handed over twice.
//!
//! The attempt and its token are on the ledger before the call. If the answer is lost, the same token brings the same
//! statement back for eight hours. After that it is looked for by its name, which the service remembers for a day; and when it is
//! nowhere, the marker in the warehouse keeps a second run from loading anything. An attempt whose every call was refused is nowhere for
//! certain, however long the warehouse is away. But a refusal says nothing about a call before it whose answer was lost, so that the
//! statement is looked for before anything is said to have failed.

use chrono::TimeDelta;
use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadState;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{AttemptRecord, Load, Statement, StatementOutcome};
use tracing::info;

use crate::plan::{FollowUpPart, LoadPlan};
use crate::ports::{Submission, SubmissionSql};
use crate::retry::{self, Sent};
use crate::{App, AppError};

/// How long a token brings the same statement back: the service promises eight hours, and clocks differ.
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(7 * 60 + 45);

/// How long the service knows a statement.
pub(crate) const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// Submits the load transaction of a prepared load, or the same again when an earlier try did not learn its outcome.
pub(crate) async fn submit_load(app: &App, load: Load, actor: &str) -> Result<Sent, AppError> {
    let plan = LoadPlan::of(&load)?;
    let earlier = match retry::wait_or_list_statements(app, &load, &plan.warehouse, actor).await? {
        Ok(statements) => statements,
        Err(until) => return Ok(Sent::Waits { until }),
    };
    let submittable = Submittable {
        kind: StatementKind::Load,
        steps: &plan.steps,
        sql: SubmissionSql::Transaction(plan.statements.clone()),
        chain_step: None,
    };
    let next = match resume(app, &load, &plan, newest(&earlier, StatementKind::Load), actor).await? {
        Resume::Found => return Ok(Sent::Submitted),
        Resume::At(next) => next,
        // The guard of a new attempt decides: it fails when the lost one committed, and that counts as success.
        Resume::Lost(attempt) => {
            give_up_attempt(app, &attempt).await?;
            Next::new(attempt.number + 1)
        }
    };
    submit(app, load, &plan, submittable, next, actor).await
}

/// The newest try at a kind of statement.
pub(crate) fn newest(statements: &[Statement], kind: StatementKind) -> Option<&Statement> {
    statements
        .iter()
        .filter(|statement| statement.kind == kind)
        .max_by_key(|statement| statement.attempt)
}

/// Submits the follow-up of a load, or a step of it: a statement of its own, so that it may commit as it likes. The attempts at all steps
/// have one row of numbers: which of them is the newest, and its name and token, need no step to be known.
pub(crate) async fn submit_follow_up(
    app: &App,
    load: Load,
    plan: &LoadPlan,
    part: FollowUpPart<'_>,
    actor: &str,
) -> Result<FollowUpSent, AppError> {
    let earlier = match retry::wait_or_list_statements(app, &load, &plan.warehouse, actor).await? {
        Ok(statements) => statements,
        Err(until) => return Ok(FollowUpSent::Sent(Sent::Waits { until })),
    };
    let submittable = Submittable {
        kind: StatementKind::FollowUp,
        steps: &[LoadStep::FollowUp],
        sql: SubmissionSql::Single(part.sql.to_owned()),
        chain_step: part.chain_step,
    };
    let next = match resume(app, &load, plan, newest(&earlier, StatementKind::FollowUp), actor).await? {
        Resume::Found => return Ok(FollowUpSent::Sent(Sent::Submitted)),
        Resume::At(next) => next,
        // A follow-up leaves no marker: whether it ran, nobody can say.
        Resume::Lost(attempt) => return Ok(FollowUpSent::Lost(attempt)),
    };
    submit(app, load, plan, submittable, next, actor)
        .await
        .map(FollowUpSent::Sent)
}

/// What came of setting out to send a follow-up.
pub(crate) enum FollowUpSent {
    /// As with any statement.
    Sent(Sent),
    /// An earlier try may have sent this attempt, and there is no trace of it.
    Lost(Attempt),
}

/// Where to take up the submission of a statement.
enum Resume {
    /// With this attempt, which may be on record already: then its token makes a second call harmless.
    At(Next),
    /// It was handed over, and is found again: nothing is to be sent.
    Found,
    /// The token of this attempt is no longer good, and the service knows no statement of its name.
    Lost(Attempt),
}

/// The attempt to be sent, and what is known of it.
struct Next {
    number: u32,
    calls: Calls,
}

/// What came of the calls that an attempt was sent by so far.
enum Calls {
    /// There was none.
    None,
    /// The service refused each of them, so nothing of it can run there.
    Refused {
        /// The token is too old to be believed when it is used for the first time, so it counts anew.
        counts_anew: bool,
    },
    /// One may have taken effect.
    Unclear,
}

impl Next {
    fn new(number: u32) -> Self {
        Self {
            number,
            calls: Calls::None,
        }
    }
}

async fn resume(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    newest: Option<&Statement>,
    actor: &str,
) -> Result<Resume, AppError> {
    let Some(newest) = newest else {
        return Ok(Resume::At(Next::new(1)));
    };
    if newest.finished_at.is_some() {
        // It ended without deciding the load, or this would not be asked for.
        return Ok(Resume::At(Next::new(newest.attempt + 1)));
    }
    let was_refused = newest.refused_at.is_some();
    let same = |counts_anew| {
        Resume::At(Next {
            number: newest.attempt,
            calls: match was_refused {
                true => Calls::Refused { counts_anew },
                false => Calls::Unclear,
            },
        })
    };
    if newest.recorded_at + TOKEN_LIFE > app.clock.now() {
        return Ok(same(false));
    }
    let attempt = newest.as_attempt();
    match find_again(app, load, plan, Unanswered::of(newest, &attempt), actor).await? {
        Found::Here => Ok(Resume::Found),
        Found::Nowhere if was_refused => Ok(same(true)),
        Found::Nowhere => Ok(Resume::Lost(attempt)),
    }
}

/// Whether the warehouse has the newest load transaction of a load, although no call for it was answered.
pub(crate) async fn has_arrived_unanswered(app: &App, load: &Load, actor: &str) -> Result<bool, AppError> {
    let statements = app.store.statements(load.id).await?;
    let unanswered = newest(&statements, StatementKind::Load).filter(|newest| newest.finished_at.is_none());
    let Some(unanswered) = unanswered else {
        return Ok(false);
    };
    let attempt = unanswered.as_attempt();
    let unanswered = Unanswered::of(unanswered, &attempt);
    let found = find_again(app, load, &LoadPlan::of(load)?, unanswered, actor).await?;
    Ok(found == Found::Here)
}

/// An attempt whose call was not answered.
struct Unanswered<'a> {
    attempt: &'a Attempt,
    /// The statement's.
    name: &'a str,
}

impl<'a> Unanswered<'a> {
    fn of(statement: &'a Statement, attempt: &'a Attempt) -> Self {
        Self {
            attempt,
            name: &statement.statement_name,
        }
    }
}

/// Whether the service knows a statement of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It does, and now that is on record.
    Here,
    /// It does not.
    Nowhere,
}

async fn find_again(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    Unanswered { attempt, name }: Unanswered<'_>,
    actor: &str,
) -> Result<Found, AppError> {
    let Some(statement_id) = app.warehouse.find(&plan.warehouse, name).await? else {
        return Ok(Found::Nowhere);
    };
    info!("found the statement {name} of {} again", load.object.key);
    app.store
        .mark_submitted(attempt, &statement_id, app.clock.now(), actor)
        .await?;
    Ok(Found::Here)
}

/// An attempt of which there is no trace is over: whatever it was, it runs no more.
pub(crate) async fn give_up_attempt(app: &App, attempt: &Attempt) -> Result<(), AppError> {
    let end = StatementOutcome::of_the_unknown(
        None,
        "the call's answer was lost, and the Data API knows no statement of this name",
    );
    app.store.finish_statement(attempt, &end, app.clock.now()).await?;
    Ok(())
}

/// A statement to be sent.
struct Submittable<'a> {
    kind: StatementKind,
    steps: &'a [LoadStep],
    sql: SubmissionSql,
    chain_step: Option<u32>,
}

/// Whether the attempt was on the ledger before does not matter: the token makes the second call harmless, and a load that is
/// further on already stays where it is.
async fn submit(
    app: &App,
    load: Load,
    plan: &LoadPlan,
    submittable: Submittable<'_>,
    Next { number, calls }: Next,
    actor: &str,
) -> Result<Sent, AppError> {
    let Submittable {
        kind,
        steps,
        sql,
        chain_step,
    } = submittable;
    let attempt = Attempt {
        load: load.id,
        kind,
        number,
    };
    let record = AttemptRecord {
        client_token: attempt.client_token(),
        statement_name: attempt.statement_name(&app.config.statement_prefix, load.trace.as_ref()),
        steps: steps.to_vec(),
        warehouse: plan.warehouse.to_string(),
        chain_step,
        places: match kind {
            StatementKind::Load => Some(app.config.places_per_table),
            StatementKind::FollowUp => None,
        },
    };
    let recorded = app
        .store
        .record_attempt(&attempt, &record, app.clock.now(), actor)
        .await?;
    let has_moved = recorded.has_moved();
    let load = recorded.into_load();
    if load.state != state_of(kind) {
        // Somebody else brought it further meanwhile.
        return Ok(Sent::Submitted);
    }
    if has_moved && let Some((place, until)) = load.waits_for.as_ref().zip(load.due_at) {
        info!("{} waits for a place: {place}", load.object.key);
        return Ok(Sent::Waits { until });
    }
    if let Calls::Refused { counts_anew } = calls {
        let anew = counts_anew.then(|| app.clock.now());
        app.store.call_attempt_again(&attempt, anew).await?;
    }
    let submission = Submission {
        name: record.statement_name,
        client_token: record.client_token,
        sealed: match kind {
            StatementKind::Load => plan.sealed(),
            StatementKind::FollowUp => None,
        },
        sql,
    };
    let statement_id = match app.warehouse.submit(&plan.warehouse, &submission).await {
        Ok(statement_id) => statement_id,
        Err(error) => {
            if error.is_refusal() && !matches!(calls, Calls::Unclear) {
                app.store.refuse_attempt(&attempt, app.clock.now()).await?;
            }
            let sent = retry::not_sent(app, &load, &plan.warehouse, error, actor).await?;
            let Sent::Refused { .. } = sent else {
                return Ok(sent);
            };
            let unanswered = Unanswered {
                attempt: &attempt,
                name: &submission.name,
            };
            let found = find_again(app, &load, plan, unanswered, actor).await;
            return match found_in_spite_of_refusal(found, &calls)? {
                Found::Here => Ok(Sent::Submitted),
                Found::Nowhere => Ok(sent),
            };
        }
    };
    app.store
        .mark_submitted(&attempt, &statement_id, app.clock.now(), actor)
        .await?;
    info!(
        "submitted attempt {number} at {} ({kind}) to {}",
        load.object.key, plan.warehouse
    );
    Ok(Sent::Submitted)
}

/// What a search for a refused statement gave. A client repeats a call by itself when the answer is lost, so that even what is refused
/// at once may be there. Where no call of ours was lost before, what keeps the service from taking a statement, such as the name of
/// its database, may keep it from searching: then it is as good as found nowhere.
fn found_in_spite_of_refusal(found: Result<Found, AppError>, calls: &Calls) -> Result<Found, AppError> {
    match (found, calls) {
        (Err(AppError::Warehouse(error)), Calls::None | Calls::Refused { .. })
            if error.disposition() != Disposition::Retry =>
        {
            Ok(Found::Nowhere)
        }
        (found, _) => found,
    }
}

/// The state of a load while an attempt of this kind is on its way.
fn state_of(kind: StatementKind) -> LoadState {
    match kind {
        StatementKind::Load => LoadState::Queued,
        StatementKind::FollowUp => LoadState::Transforming,
    }
}

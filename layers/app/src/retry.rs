//! What is done when the warehouse does not do as it is asked: the load waits and is tried again, or it is given up.
//!
//! A failure that is the warehouse's own counts against it, and after some in a row nothing is sent there but a probe now
//! and then. Loads wait meanwhile; whichever statement runs first brings all of them back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::notification::Outcome;
use longshore_domain::retry::{FailedTry, NextTry, RetryPolicy, delay};
use longshore_domain::statement::{Attempt, LoadStep};
use longshore_domain::target::Warehouse;
use longshore_store::{Access, FailedAttempt, Load, OutboxNotice, Postponement, Statement, WarehouseTrouble};
use tracing::{info, warn};

use crate::error::with_causes;
use crate::ports::WarehouseError;
use crate::{App, AppError, notify};

/// A warehouse is paused after so many failures of its own in a row: one may be a blip, and loads fail together.
const PAUSE_AFTER: u32 = 5;
/// How soon a paused warehouse is tried again.
const FIRST_PROBE: Duration = Duration::from_secs(60);
/// Should a probe never come back, the next one is let through after so long.
const NEXT_PROBE: TimeDelta = TimeDelta::seconds(60);
/// The longest wait between two probes.
const LONGEST_PROBE: Duration = Duration::from_secs(900);

/// What came of setting out to send a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The warehouse has it.
    Submitted,
    /// The load waits.
    Waits {
        /// Until then.
        until: DateTime<Utc>,
    },
    /// It is not taken, now or later; nothing is on record about that yet.
    Refused {
        /// Why.
        error: String,
    },
}

/// Lets a load wait while its warehouse is paused; gives what it was told. A load that is let through as the probe does not
/// wait.
pub(crate) async fn wait_while_paused(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    actor: &str,
) -> Result<Access, AppError> {
    let name = standing(app, warehouse);
    let now = app.clock.now();
    let access = app.store.access(&name, now, now + NEXT_PROBE).await?;
    wait_as_told(app, load, warehouse, access, actor).await?;
    Ok(access)
}

/// The same before a statement of the load is sent, and the statements that were sent for it.
pub(crate) async fn wait_or_list_statements(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    actor: &str,
) -> Result<Result<Vec<Statement>, DateTime<Utc>>, AppError> {
    let (name, now) = (standing(app, warehouse), app.clock.now());
    let (access, statements) = app
        .store
        .access_and_statements(load.id, &name, now, now + NEXT_PROBE)
        .await?;
    let waits = wait_as_told(app, load, warehouse, access, actor).await?;
    Ok(waits.map_or(Ok(statements), Err))
}

async fn wait_as_told(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    access: Access,
    actor: &str,
) -> Result<Option<DateTime<Utc>>, AppError> {
    let name = standing(app, warehouse);
    match access {
        Access::Open => Ok(None),
        Access::Probe => {
            info!("sending {} to {name} to see whether it is back", load.object.key);
            Ok(None)
        }
        Access::Paused { until } => {
            let now = app.clock.now();
            app.store
                .wait_for_warehouse(load.id, load.state, &name, until, now, actor)
                .await?;
            Ok(Some(until))
        }
    }
}

/// The warehouse ran a statement: whatever was held against it is forgotten, unless that came after the statement. That of a
/// probe without an attempt came after it.
pub(crate) async fn ran(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    statement: Option<&Attempt>,
) -> Result<(), AppError> {
    let name = standing(app, warehouse);
    let notice = warehouse_notice(app, load, Outcome::WarehouseResumed, None);
    let was_paused = app
        .store
        .resume_warehouse(&name, load.id, statement, &notice, app.clock.now())
        .await?;
    if was_paused {
        info!("{name} is back; the loads that waited for it go on");
    }
    Ok(())
}

/// A call did not get a statement across. No try is used up, and none of the time that the rule allows, since nothing ran, or it is
/// found by its token: however long the service is busy or away, what was never tried has not failed. `Refused` leaves the load as
/// it is.
pub(crate) async fn not_sent(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    error: WarehouseError,
    actor: &str,
) -> Result<Sent, AppError> {
    let fault = error.fault();
    let now = app.clock.now();
    let text = with_causes(&error);
    match fault {
        WarehouseFault::Data | WarehouseFault::Unknown => return Ok(Sent::Refused { error: text }),
        WarehouseFault::Busy
        | WarehouseFault::Transient
        | WarehouseFault::Down
        | WarehouseFault::Full
        | WarehouseFault::Configuration => {}
    }
    let due_at = now + delay(load.id, load.retry.failed_attempt + 1);
    let postponement = Postponement {
        from: load.state,
        due_at,
        failed: None,
        starts_clock: false,
        note: format!("not sent ({fault})"),
        trouble: trouble(app, load, warehouse, fault, &text),
        error: Some(text.clone()),
    };
    warn!(%fault, "{} was not sent to {warehouse}: {text}", load.object.key);
    let moved = app.store.postpone(load.id, &postponement, now, actor).await?;
    let until = moved.load().due_at.unwrap_or(due_at);
    Ok(Sent::Waits { until })
}

/// A statement that ended badly.
pub(crate) struct FailedStatement<'a> {
    pub attempt: &'a Attempt,
    pub step: Option<LoadStep>,
    pub fault: WarehouseFault,
    pub error: &'a str,
}

/// What follows from a statement that failed.
pub(crate) enum Afterwards {
    /// It is: here it is, waiting.
    Waits(Box<Load>),
    /// It is not, and this is what to say.
    GivenUp(String),
}

/// Decides what follows from a statement that failed and left nothing behind.
pub(crate) async fn after_failure(
    app: &App,
    load: Load,
    warehouse: &Warehouse,
    policy: &RetryPolicy,
    failed: &FailedStatement<'_>,
    actor: &str,
) -> Result<Afterwards, AppError> {
    let now = app.clock.now();
    let since = load.retry.since.unwrap_or(now);
    let uses_a_try = failed.fault.uses_a_try();
    let tries = load.retry.tries + u32::from(uses_a_try);
    let next = policy.after(&FailedTry {
        load: load.id,
        fault: failed.fault,
        step: failed.step,
        tries,
        attempt: failed.attempt.number,
        since_first: (now - since).to_std().unwrap_or_default(),
    });
    let wait = match next {
        NextTry::Permanent => return Ok(Afterwards::GivenUp(failed.error.to_owned())),
        NextTry::Exhausted => return Ok(Afterwards::GivenUp(exhausted(failed.error, tries, now - since))),
        NextTry::After(wait) => wait,
    };
    let again = Again { wait, uses_a_try };
    let load = try_again(app, load, warehouse, failed, again, actor).await?;
    Ok(Afterwards::Waits(Box::new(load)))
}

/// Another try.
pub(crate) struct Again {
    /// After so long.
    pub wait: Duration,
    /// Whether the one that failed is one of those that the load's rule allows.
    pub uses_a_try: bool,
}

/// The load waits, and its statement is tried again then.
pub(crate) async fn try_again(
    app: &App,
    load: Load,
    warehouse: &Warehouse,
    failed: &FailedStatement<'_>,
    Again { wait, uses_a_try }: Again,
    actor: &str,
) -> Result<Load, AppError> {
    let now = app.clock.now();
    let postponement = Postponement {
        from: load.state,
        due_at: now + wait,
        failed: Some(FailedAttempt {
            attempt: failed.attempt.clone(),
            uses_a_try,
        }),
        error: Some(failed.error.to_owned()),
        starts_clock: uses_a_try,
        note: format!("attempt {} failed ({})", failed.attempt.number, failed.fault),
        // A statement that ran and named what is not there says nothing against the warehouse: a chain may wait for a table.
        trouble: match failed.fault.is_of_the_warehouse() {
            true => trouble(app, &load, warehouse, failed.fault, failed.error),
            false => None,
        },
    };
    warn!(
        fault = %failed.fault,
        "attempt {} at {} failed and is tried again: {}",
        failed.attempt.number,
        load.object.key,
        failed.error
    );
    let moved = app.store.postpone(load.id, &postponement, now, actor).await?;
    Ok(moved.into_load())
}

fn exhausted(error: &str, tries: u32, over: TimeDelta) -> String {
    let times = if tries == 1 {
        "once".to_owned()
    } else {
        format!("{tries} times")
    };
    format!("{error}; tried {times} within {}, and given up", minutes(over))
}

fn minutes(over: TimeDelta) -> String {
    match over.num_minutes() {
        0 => format!("{} s", over.num_seconds()),
        minutes => format!("{minutes} min"),
    }
}

/// A deployment that may not use its warehouse, or names one that is not there, is met by every load alike: it pauses the
/// warehouse at once, and people are told once and not once per file.
fn trouble(
    app: &App,
    load: &Load,
    warehouse: &Warehouse,
    fault: WarehouseFault,
    error: &str,
) -> Option<WarehouseTrouble> {
    let pause_after = if fault == WarehouseFault::Configuration {
        1
    } else if fault.is_of_the_warehouse() {
        PAUSE_AFTER
    } else {
        return None;
    };
    let name = standing(app, warehouse);
    let failed = match pause_after {
        1 => "failed with".to_owned(),
        times => format!("failed {times} times in a row, at last with"),
    };
    let told = format!(
        "{name} {failed}: {error}. Its loads wait and go on by themselves once it is back; it is tried again every few minutes"
    );
    Some(WarehouseTrouble {
        warehouse: name,
        error: error.to_owned(),
        pause_after,
        first_probe: FIRST_PROBE,
        longest_probe: LONGEST_PROBE,
        notice: warehouse_notice(app, load, Outcome::WarehousePaused, Some(told)),
    })
}

fn standing(app: &App, warehouse: &Warehouse) -> String {
    warehouse.standing(&app.config.warehouse.login)
}

fn warehouse_notice(app: &App, load: &Load, outcome: Outcome, error: Option<String>) -> OutboxNotice {
    let told = Load {
        error_code: error.as_ref().map(|_| outcome.as_str().to_owned()),
        error,
        ..load.clone()
    };
    notify::notice_to_all(app, &told, outcome)
}

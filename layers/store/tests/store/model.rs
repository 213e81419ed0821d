//! A model of the ledger: whatever several workers do to a load, one after the other or two at once, comes out as a small
//! pure model says.
//!
//! The map: [`Act`] is what a worker may do, [`Ledger`] the model and at the same time what is read back from the database.
//! Two acts at once must come out as one of their two orders would.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::statement::StatementKind;
use longshore_store::{Announced, AuditStatus, Claim, Conclusion, LeaseStep, Moved, Store, StoreError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio_postgres::Client;

use crate::support::{
    Bench, at, attempt, conclusion, facts, failure, follow_up_end, lease, matched, object, prepared, reason,
    record, split_facts,
};

const WORKERS: [&str; 3] = ["ann", "ben", "cyd"];
/// A lease lives for so many seconds.
const LEASE: i64 = 60;
const CASES: u32 = 48;
const MOST_STEPS: usize = 30;

/// What a worker may do to a load, in an order that makes sense or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Claim,
    ClaimToFinish,
    Release,
    Prepare,
    Reject,
    Split,
    /// Records an attempt at the load transaction: the newest one again, or the one after it.
    Record {
        is_retry: bool,
    },
    Submit,
    Succeed,
    Fail,
    Conclude,
    ConcludeAndComplete,
    RecordFollowUp,
    EndFollowUp {
        is_success: bool,
    },
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Moved,
    Stayed,
    Resumed,
    Busy,
    Done,
    Refused,
}

/// One worker's act, two at once, or nothing for a while.
#[derive(Debug, Clone, Copy)]
enum Step {
    One(usize, Act),
    Both((usize, Act), (usize, Act)),
    Wait(i64),
}

/// A load as the model has it, and as the database shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ledger {
    state: LoadState,
    lease: Option<(String, LeaseStep, DateTime<Utc>)>,
    claims: u32,
    is_concluded: bool,
    is_finished: bool,
    attempts: u32,
    follow_ups: u32,
    history: Vec<(Option<LoadState>, LoadState, String)>,
    audit_rows: i64,
    told: Vec<String>,
}

impl Ledger {
    /// Just received, and claimed by the first worker.
    fn new(now: i64) -> Self {
        let owner = WORKERS[0].to_owned();
        Self {
            state: LoadState::Received,
            lease: Some((owner.clone(), LeaseStep::Prepare, at(now + LEASE))),
            claims: 1,
            is_concluded: false,
            is_finished: false,
            attempts: 0,
            follow_ups: 0,
            history: vec![(None, LoadState::Received, owner)],
            audit_rows: 0,
            told: vec![],
        }
    }

    fn apply(&mut self, (worker, act): (usize, Act), now: i64) -> Answer {
        use LoadState::{
            Complete, Failed, Loaded, Prepared, Queued, Received, Rejected, Split, Submitted,
            TransformFailed, Transforming,
        };
        let worker = WORKERS[worker];
        match act {
            Act::Claim => self.claim(worker, now),
            Act::ClaimToFinish => self.claim_to_finish(worker, now),
            Act::Release => {
                self.lease = self.lease.take().filter(|(owner, ..)| owner != worker);
                Answer::Stayed
            }
            Act::Prepare => self.go(&[Received], Prepared, worker),
            Act::Reject => self.go(&[Received], Rejected, worker),
            Act::Split => self.go(&[Received], Split, worker),
            Act::Record { is_retry } => self.record(is_retry, worker),
            Act::Submit => self.go(&[Queued], Submitted, worker),
            Act::Succeed => self.go(&[Queued, Submitted], Loaded, worker),
            Act::Fail => self.go(&[Prepared, Queued, Submitted], Failed, worker),
            Act::Conclude => self.conclude(),
            Act::ConcludeAndComplete if self.state == Loaded && !self.is_concluded => {
                self.conclude();
                self.is_finished = true;
                self.go(&[Loaded], Complete, worker)
            }
            Act::RecordFollowUp => {
                let answer = self.go(&[Loaded], Transforming, worker);
                self.follow_ups += u32::from(answer == Answer::Moved);
                answer
            }
            Act::EndFollowUp { .. } if self.state == Transforming && !self.is_concluded => Answer::Refused,
            Act::EndFollowUp { is_success } if self.state == Transforming => {
                self.is_finished = true;
                if !is_success {
                    self.told.insert(0, "follow_up_failed".to_owned());
                }
                let end = if is_success { Complete } else { TransformFailed };
                self.go(&[Transforming], end, worker)
            }
            Act::ConcludeAndComplete | Act::EndFollowUp { .. } => Answer::Stayed,
        }
    }

    fn go(&mut self, from: &[LoadState], to: LoadState, worker: &str) -> Answer {
        if !from.contains(&self.state) {
            return Answer::Stayed;
        }
        self.history.push((Some(self.state), to, worker.to_owned()));
        self.state = to;
        Answer::Moved
    }

    fn record(&mut self, is_retry: bool, worker: &str) -> Answer {
        let is_new = self.attempts == 0 || is_retry;
        let is_ready = [LoadState::Prepared, LoadState::Queued, LoadState::Submitted].contains(&self.state);
        if !is_new || !is_ready {
            return Answer::Stayed;
        }
        self.attempts += 1;
        // Another attempt while one is queued is no move.
        self.go(
            &[LoadState::Prepared, LoadState::Submitted],
            LoadState::Queued,
            worker,
        );
        Answer::Moved
    }

    fn conclude(&mut self) -> Answer {
        let ends = self.state.is_terminal();
        let has_outcome = ends || [LoadState::Loaded, LoadState::Transforming].contains(&self.state);
        if self.is_concluded || !has_outcome {
            return Answer::Stayed;
        }
        self.is_concluded = true;
        self.is_finished = ends;
        self.audit_rows += 1;
        self.told.push("loaded".to_owned());
        Answer::Moved
    }

    fn claim(&mut self, worker: &str, now: i64) -> Answer {
        use LoadState::{Failed, Prepared, Queued, Received, Rejected, Skipped, Split};
        self.claims += 1;
        let has_work = [Received, Prepared, Queued].contains(&self.state)
            || ([Rejected, Split, Skipped, Failed].contains(&self.state) && !self.is_concluded);
        if !has_work {
            return Answer::Done;
        }
        if !self.is_free_for(worker, now) {
            return Answer::Busy;
        }
        self.lease = Some((worker.to_owned(), LeaseStep::Prepare, at(now + LEASE)));
        Answer::Resumed
    }

    fn claim_to_finish(&mut self, worker: &str, now: i64) -> Answer {
        if self.is_finished {
            return Answer::Done;
        }
        let is_preparing = self
            .lease
            .as_ref()
            .is_some_and(|(_, step, _)| *step == LeaseStep::Prepare);
        if !is_preparing && !self.is_free_for(worker, now) {
            return Answer::Busy;
        }
        self.claims += 1;
        self.lease = Some((worker.to_owned(), LeaseStep::Finish, at(now + LEASE)));
        Answer::Resumed
    }

    fn is_free_for(&self, worker: &str, now: i64) -> bool {
        self.lease
            .as_ref()
            .is_none_or(|(owner, _, until)| owner == worker || *until <= at(now))
    }
}

/// The same on the real ledger.
struct Real<'a> {
    store: &'a Store,
    client: &'a Client,
    load: LoadId,
    key: String,
}

impl Real<'_> {
    async fn apply(&self, (worker, act): (usize, Act), attempts: u32, now: i64) -> Answer {
        let (store, load, worker, time) = (self.store, self.load, WORKERS[worker], at(now));
        let moved = match act {
            Act::Claim | Act::ClaimToFinish => return self.claim(act, worker, now).await,
            Act::Release => {
                store.release(load, worker).await.unwrap();
                return Answer::Stayed;
            }
            Act::Prepare => store.mark_prepared(load, &prepared(), time, worker).await,
            Act::Reject => store.mark_rejected(load, &reason(), time, worker).await,
            Act::Split => store.mark_split(load, &split_facts(), time, worker).await,
            Act::Record { is_retry } => {
                let attempt = attempt(load, StatementKind::Load, (attempts + u32::from(is_retry)).max(1));
                store
                    .record_attempt(&attempt, &record(&attempt), time, worker)
                    .await
            }
            Act::Submit => {
                let attempt = attempt(load, StatementKind::Load, attempts.max(1));
                let statement = format!("s-{load}-{attempts}");
                store.mark_submitted(&attempt, &statement, time, worker).await
            }
            Act::Succeed => store.mark_loaded(load, &facts(), time, worker).await,
            Act::Fail => store.mark_failed(load, &failure(), time, worker).await,
            Act::Conclude | Act::ConcludeAndComplete => {
                let conclusion = Conclusion {
                    next: (act == Act::ConcludeAndComplete).then_some(LoadState::Complete),
                    ..conclusion(AuditStatus::Finished, Outcome::Loaded)
                };
                store.conclude(load, &conclusion, time, worker).await
            }
            Act::RecordFollowUp => {
                let attempt = attempt(load, StatementKind::FollowUp, 1);
                store
                    .record_attempt(&attempt, &record(&attempt), time, worker)
                    .await
            }
            Act::EndFollowUp { is_success } => {
                let status = if is_success {
                    AuditStatus::Finished
                } else {
                    AuditStatus::Failed
                };
                store
                    .finish_follow_up(load, &follow_up_end(status), time, worker)
                    .await
            }
        };
        answer(moved)
    }

    async fn claim(&self, act: Act, worker: &str, now: i64) -> Answer {
        let claim = if act == Act::Claim {
            let lease = lease(worker, LeaseStep::Prepare, now + LEASE);
            let claimed = self
                .store
                .claim_load(&object(&self.key), &Announced::default(), &lease, at(now))
                .await;
            claimed.unwrap()
        } else {
            let lease = lease(worker, LeaseStep::Finish, now + LEASE);
            let claimed = self.store.claim_for_finish(self.load, &lease, at(now)).await;
            claimed.unwrap().unwrap()
        };
        match claim {
            Claim::New(load) => unreachable!("{} was there before", load.id),
            Claim::Resumed(_) => Answer::Resumed,
            Claim::Busy { .. } => Answer::Busy,
            Claim::Done(_) => Answer::Done,
        }
    }

    /// What the database holds.
    async fn ledger(&self) -> Ledger {
        let load = self.store.load(self.load).await.unwrap().unwrap();
        let statements = self.store.statements(self.load).await.unwrap();
        let of_kind = |kind| {
            let alike = statements.iter().filter(|statement| statement.kind == kind);
            u32::try_from(alike.count()).unwrap()
        };
        let history = self.store.history(self.load).await.unwrap();
        let id = self.load.as_uuid();
        let sql = "SELECT (SELECT count(*) FROM rdscnfg.ext_file_audit WHERE load_id = $1),
                          ARRAY(SELECT outcome FROM rdscnfg.ext_outbox WHERE load_id = $1 ORDER BY outcome)";
        let written = self.client.query_one(sql, &[&id]).await.unwrap();
        Ledger {
            state: load.state,
            lease: load.lease.map(|held| (held.owner, held.step, held.until)),
            claims: load.claims,
            is_concluded: load.concluded_at.is_some(),
            is_finished: load.finished_at.is_some(),
            attempts: of_kind(StatementKind::Load),
            follow_ups: of_kind(StatementKind::FollowUp),
            history: history
                .into_iter()
                .map(|entry| (entry.from, entry.to, entry.actor))
                .collect(),
            audit_rows: written.get(0),
            told: written.get(1),
        }
    }
}

fn answer(moved: Result<Moved, StoreError>) -> Answer {
    match moved {
        Ok(Moved::Yes(_)) => Answer::Moved,
        Ok(Moved::No(_)) => Answer::Stayed,
        Err(StoreError::ConstraintViolated { .. }) => Answer::Refused,
        Err(error) => unreachable!("{error:?}"),
    }
}

/// A load that has just been received and matched.
async fn received<'a>(store: &'a Store, client: &'a Client) -> Real<'a> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let key = format!("in/MODEL_{}.txt", NEXT.fetch_add(1, Ordering::Relaxed));
    let lease = lease(WORKERS[0], LeaseStep::Prepare, LEASE);
    let claimed = store
        .claim_load(&object(&key), &Announced::default(), &lease, at(0))
        .await
        .unwrap();
    let Claim::New(load) = claimed else {
        unreachable!("{claimed:?}")
    };
    store.record_match(load.id, &matched()).await.unwrap();
    Real {
        store,
        client,
        load: load.id,
        key,
    }
}

async fn walk(store: &Store, client: &Client, steps: &[Step]) -> Result<(), TestCaseError> {
    let real = received(store, client).await;
    let (mut model, mut now) = (Ledger::new(0), 0);
    for step in steps {
        let before = model.clone();
        match *step {
            Step::Wait(seconds) => now += seconds,
            Step::One(worker, act) => {
                let found = real.apply((worker, act), before.attempts, now).await;
                let expected = model.apply((worker, act), now);
                prop_assert_eq!(found, expected, "{:?} on {:?}", step, before);
            }
            Step::Both(first, second) => {
                let found = tokio::join!(
                    real.apply(first, before.attempts, now),
                    real.apply(second, before.attempts, now)
                );
                let ledger = real.ledger().await;
                let outcomes = [true, false].map(|in_order| both(&before, first, second, now, in_order));
                let fitting = outcomes
                    .iter()
                    .find(|(answers, model)| *answers == found && *model == ledger);
                prop_assert!(
                    fitting.is_some(),
                    "{step:?} on {before:?} gave {found:?} and {ledger:?}, which is neither of {outcomes:?}"
                );
            }
        }
        let ledger = real.ledger().await;
        if matches!(step, Step::Both(..)) {
            model = ledger.clone();
        }
        prop_assert_eq!(&ledger, &model, "after {:?} on {:?}", step, before);
        is_whole(&ledger)?;
    }
    Ok(())
}

/// The answers to two acts in one order or the other, and the ledger after them. An attempt is numbered by what its worker saw
/// before both.
fn both(
    before: &Ledger,
    first: (usize, Act),
    second: (usize, Act),
    now: i64,
    in_order: bool,
) -> ((Answer, Answer), Ledger) {
    let mut ledger = before.clone();
    let seen = before.attempts;
    let mut apply = |(worker, act): (usize, Act)| match act {
        // Somebody else was faster with the very attempt, or there is a newer one than the one that was sent.
        Act::Record { .. } if ledger.attempts > seen => Answer::Stayed,
        Act::Submit if ledger.attempts > seen.max(1) => Answer::Stayed,
        _ => ledger.apply((worker, act), now),
    };
    let answers = if in_order {
        let answer = apply(first);
        (answer, apply(second))
    } else {
        let answer = apply(second);
        (apply(first), answer)
    };
    (answers, ledger)
}

/// The history has every move, each one of the table's, and an outcome is told once.
fn is_whole(ledger: &Ledger) -> Result<(), TestCaseError> {
    let mut at = None;
    for (from, to, _) in &ledger.history {
        prop_assert_eq!(*from, at, "a move is missing in {:?}", ledger.history);
        prop_assert!(
            from.is_none_or(|from| from.may_become(*to)),
            "{from:?} may not become {to}"
        );
        at = Some(*to);
    }
    prop_assert_eq!(at, Some(ledger.state), "the last move is missing");
    prop_assert_eq!(ledger.audit_rows, i64::from(ledger.is_concluded));
    Ok(())
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Claim),
        2 => Just(Act::ClaimToFinish),
        2 => Just(Act::Release),
        4 => Just(Act::Prepare),
        1 => Just(Act::Reject),
        1 => Just(Act::Split),
        4 => any::<bool>().prop_map(|is_retry| Act::Record { is_retry }),
        4 => Just(Act::Submit),
        4 => Just(Act::Succeed),
        1 => Just(Act::Fail),
        3 => Just(Act::Conclude),
        1 => Just(Act::ConcludeAndComplete),
        2 => Just(Act::RecordFollowUp),
        2 => any::<bool>().prop_map(|is_success| Act::EndFollowUp { is_success }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..WORKERS.len();
    let other = 0..WORKERS.len();
    prop_oneof![
        6 => (worker.clone(), act()).prop_map(|(worker, act)| Step::One(worker, act)),
        // A worker does one thing at a time.
        3 => ((worker, act()), (other, act()))
            .prop_filter("one worker does one thing at a time", |(one, two)| one.0 != two.0)
            .prop_map(|(one, two)| Step::Both(one, two)),
        1 => prop_oneof![Just(LEASE - 1), Just(LEASE), Just(LEASE + 1)].prop_map(Step::Wait),
    ]
}

#[test]
fn the_ledger_does_what_its_model_does_whatever_workers_do() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let bench = runtime.block_on(Bench::new());
    let client = runtime.block_on(bench.database.client()).unwrap();
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let walked = runner.run(&prop::collection::vec(step(), 1..MOST_STEPS), |steps| {
        runtime.block_on(walk(&bench.store, &client, &steps))
    });
    if let Err(error) = walked {
        panic!("{error}");
    }
}

//! A chain on a scripted Data API, with a clock that jumps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use longshore_app::ports::{StatementClient, StatementReport, StatementRun, WarehouseError};
use longshore_app::{ChainError, ChainEvent, ChainObserver, ChainReport, RunChain};
use longshore_domain::chain::{ChainDefaults, ChainQuery, ChainStop, Pace, StatementRequest, check};
use longshore_domain::fault::WarehouseFault;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

type Answer<T> = Result<T, WarehouseError>;

/// What the service answers, call by call, and what it was asked.
#[derive(Default)]
struct Service {
    executes: Mutex<VecDeque<Answer<String>>>,
    looks: Mutex<VecDeque<Answer<StatementReport>>>,
    calls: Mutex<Vec<String>>,
    tokens: Mutex<Vec<String>>,
    /// Told when a look finds a statement running.
    seen_running: tokio::sync::Notify,
}

impl Service {
    fn new(
        executes: impl IntoIterator<Item = Answer<String>>,
        looks: impl IntoIterator<Item = Answer<StatementReport>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            executes: Mutex::new(executes.into_iter().collect()),
            looks: Mutex::new(looks.into_iter().collect()),
            ..Self::default()
        })
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

#[async_trait]
impl StatementClient for Service {
    async fn execute(&self, request: &StatementRequest, name: &str, token: &str) -> Answer<String> {
        self.note(format!("execute {} as {name}", request.sql));
        self.tokens.lock().unwrap().push(token.to_owned());
        self.executes.lock().unwrap().pop_front().unwrap()
    }

    async fn look(&self, statement_id: &str) -> Answer<StatementReport> {
        self.note(format!("look {statement_id}"));
        let answer = self.looks.lock().unwrap().pop_front().unwrap();
        if answer
            .as_ref()
            .is_ok_and(|seen| seen.run == StatementRun::Running)
        {
            self.seen_running.notify_one();
        }
        answer
    }

    async fn cancel(&self, statement_id: &str) -> Answer<()> {
        self.note(format!("cancel {statement_id}"));
        Ok(())
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Witness {
    events: Mutex<Vec<String>>,
}

impl ChainObserver for Witness {
    fn notice(&self, query: usize, event: &ChainEvent<'_>) {
        let event = match event {
            ChainEvent::Submitted { attempt, statement } => format!("{attempt} submitted {statement}"),
            ChainEvent::Running { attempt } => format!("{attempt} running"),
            ChainEvent::Failed { attempt, error, .. } => format!("{attempt} failed {error}"),
            ChainEvent::Lost { .. } => "lost".to_owned(),
            ChainEvent::Finished(outcome) => format!("finished after {}", outcome.attempts),
        };
        self.events.lock().unwrap().push(format!("{query}: {event}"));
    }
}

fn report(run: StatementRun, error: Option<&str>) -> StatementReport {
    StatementReport {
        run,
        error: error.map(str::to_owned),
        fault: None,
        duration: Duration::from_millis(1500),
        rows: Some(3),
        query_id: None,
        steps: Vec::new(),
    }
}

fn finished() -> Answer<StatementReport> {
    Ok(report(StatementRun::Finished, None))
}

fn running() -> Answer<StatementReport> {
    Ok(report(StatementRun::Running, None))
}

fn failed(error: &str) -> Answer<StatementReport> {
    Ok(report(StatementRun::Failed, Some(error)))
}

fn id(text: &str) -> Answer<String> {
    Ok(text.to_owned())
}

fn busy<T>() -> Answer<T> {
    Err(WarehouseError::Busy {
        warehouse: "house".to_owned(),
        operation: "ExecuteStatement",
        source: "throttled".into(),
    })
}

fn queries(given: &serde_json::Value) -> Vec<ChainQuery> {
    let defaults = ChainDefaults {
        request: StatementRequest {
            cluster_identifier: Some("house".to_owned()),
            database: Some("dev".to_owned()),
            ..StatementRequest::default()
        },
        pace: Pace {
            initial_wait: 30.0,
            base_wait: 15.0,
            wait_multiplier: 2.0,
            max_wait: 450.0,
        },
        max_retries: 2,
    };
    check(given, &defaults).unwrap()
}

struct Run {
    service: Arc<Service>,
    witness: Arc<Witness>,
    stop: watch::Sender<bool>,
}

impl Run {
    fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            witness: Arc::default(),
            stop: watch::Sender::new(false),
        }
    }

    async fn chain(&self, given: serde_json::Value, from: usize) -> ChainReport {
        let stop = self.stop.subscribe();
        RunChain::new(self.service.clone(), self.witness.clone(), "run".to_owned(), stop)
            .run(&queries(&given), from)
            .await
    }

    fn events(&self) -> Vec<String> {
        self.witness.events.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn queries_run_one_after_the_other_at_the_pace_that_they_say() {
    let run = Run::new(Service::new(
        [id("s1"), id("s2")],
        [running(), running(), finished(), finished()],
    ));
    let started = Instant::now();
    let report = run.chain(json!(["a", "b"]), 1).await;
    assert!(report.stop.is_none());
    // 30 to the first look, 15 and 30 to the others; 30 for the second query.
    assert_eq!(started.elapsed().as_secs(), 105);
    assert_eq!(
        run.service.calls(),
        [
            "execute a as run/1/1",
            "look s1",
            "look s1",
            "look s1",
            "execute b as run/2/1",
            "look s2"
        ]
    );
    let output = serde_json::to_value(&report.done).unwrap();
    let expected = json!({"Query": 1, "StatementId": "s1", "Status": "FINISHED", "Rows": 3, "Seconds": 1.5, "Attempts": 1});
    assert_eq!(output[0], expected);
    assert_eq!(output[1]["StatementId"], "s2");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_with_a_token_of_its_own_until_it_succeeds() {
    let run = Run::new(Service::new(
        [id("s1"), id("s2"), id("s3")],
        [failed("boom"), failed("bang"), finished()],
    ));
    let report = run.chain(json!(["a"]), 1).await;
    assert_eq!(report.done[0].attempts, 3);
    assert_eq!(report.done[0].statement_id, "s3");
    assert_eq!(
        run.events(),
        [
            "1: 1 submitted s1",
            "1: 1 failed boom",
            "1: 2 submitted s2",
            "1: 2 failed bang",
            "1: 3 submitted s3",
            "1: finished after 3"
        ]
    );
    let tokens = run.service.tokens.lock().unwrap().clone();
    assert_ne!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test(start_paused = true)]
async fn a_query_that_fails_for_good_stops_the_chain_and_keeps_what_is_done() {
    let run = Run::new(Service::new(
        [id("s1"), id("s2")],
        [finished(), failed("syntax error")],
    ));
    let given = json!(["a", {"ExecuteStatementParameters": "b", "RetryErrorMatch": "deadlock"}, "c"]);
    let report = run.chain(given, 1).await;
    assert_eq!(report.done.len(), 1);
    let (query, error) = report.stop.unwrap();
    assert_eq!(query, 2);
    assert_eq!(
        error.to_string(),
        "query 2 of 3 failed with an error that is not one to retry (attempt 1, statement s2): syntax error"
    );
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_was_cancelled_or_forgotten_stops_the_chain() {
    let aborted = Ok(report(StatementRun::Aborted, None));
    let run = Run::new(Service::new([id("s1")], [aborted]));
    let (_, error) = run.chain(json!(["a"]), 1).await.stop.unwrap();
    assert!(
        matches!(error, ChainError::Stopped(ChainStop::Cancelled { .. })),
        "{error}"
    );

    let unknown = Err(WarehouseError::UnknownStatement {
        statement_id: "s0".to_owned(),
    });
    let run = Run::new(Service::new([], [unknown]));
    let id = "12345678-1234-1234-1234-123456789012";
    let given = json!([{"ExecuteStatementParameters": "a", "StatementId": id}]);
    let (_, error) = run.chain(given, 1).await.stop.unwrap();
    assert!(
        matches!(error, ChainError::Stopped(ChainStop::StatementUnknown { .. })),
        "{error}"
    );
    assert_eq!(
        run.service.calls(),
        [format!("look {id}")],
        "nothing is run on a guess"
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_may_begin_in_its_middle() {
    let run = Run::new(Service::new([id("s2")], [finished()]));
    let report = run.chain(json!(["a", "b"]), 2).await;
    assert_eq!(report.done[0].query, 2);
    assert_eq!(run.service.calls()[0], "execute b as run/2/1");
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_asked_again_with_the_same_token() {
    let run = Run::new(Service::new([busy(), busy(), id("s1")], [busy(), finished()]));
    let report = run.chain(json!(["a"]), 1).await;
    assert!(report.stop.is_none());
    assert_eq!(report.done[0].attempts, 1);
    let tokens = run.service.tokens.lock().unwrap().clone();
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(tokens[1], tokens[2]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stays_busy_is_given_up_in_the_end() {
    let run = Run::new(Service::new((0..21).map(|_| busy()), []));
    let (query, error) = run.chain(json!(["a"]), 1).await.stop.unwrap();
    assert_eq!(query, 1);
    assert!(matches!(error, ChainError::CallFailed { .. }), "{error}");
    assert_eq!(run.service.calls().len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_not_made_again() {
    let refused = Err(WarehouseError::Refused {
        fault: WarehouseFault::Configuration,
        warehouse: "house/dev".to_owned(),
        operation: "ExecuteStatement",
        source: "no such cluster".into(),
    });
    let run = Run::new(Service::new([refused], []));
    let (_, error) = run.chain(json!(["a"]), 1).await.stop.unwrap();
    assert!(matches!(error, ChainError::CallFailed { .. }), "{error}");
    assert_eq!(run.service.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_cancels_the_statement_that_runs_and_sees_it_end() {
    let aborted = Ok(report(StatementRun::Aborted, None));
    let run = Run::new(Service::new([id("s1")], [running(), running(), aborted]));
    let stopper = async {
        run.service.seen_running.notified().await;
        run.stop.send_replace(true);
    };
    let (report, ()) = tokio::join!(run.chain(json!(["a", "b"]), 1), stopper);
    let (query, error) = report.stop.unwrap();
    assert_eq!(query, 1);
    assert_eq!(
        error.to_string(),
        "stopped at query 1 of 2; its statement s1 was cancelled"
    );
    assert_eq!(
        run.service.calls(),
        [
            "execute a as run/1/1",
            "look s1",
            "cancel s1",
            "look s1",
            "look s1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_call_runs_nothing() {
    let run = Run::new(Service::new([], []));
    run.stop.send_replace(true);
    let (_, error) = run.chain(json!(["a"]), 1).await.stop.unwrap();
    assert_eq!(
        error.to_string(),
        "stopped at query 1 of 1; nothing of it is running"
    );
    assert!(run.service.calls().is_empty());
}

//! Runs a chain: each query submitted, looked at until it ends, tried again where its error says so.
//!
//! What the state machine `query-chain` does without a process, this does within one. The rules of both are
//! [`longshore_domain::chain`]'s.

use std::sync::Arc;
use std::time::Duration;

use longshore_domain::chain::{ChainQuery, ChainStop, Verdict};
use longshore_domain::disposition::Disposition;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::ports::{StatementClient, StatementReport, StatementRun, WarehouseError};

/// How many calls in a row may find the service busy or out of reach.
const MOST_LOST_CALLS: u32 = 20;
/// The longest wait after such a call.
const LONGEST_LOST_WAIT: Duration = Duration::from_secs(120);
/// Between looks at a statement that was cancelled: it ends within moments.
const CANCEL_LOOK: Duration = Duration::from_millis(200);
/// How often it is looked at. Whether it has ended by then or not, it was asked to.
const CANCEL_LOOKS: u32 = 50;

/// How a query ended well. Spelt as the state machine spells its output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryOutcome {
    /// Its number in the chain, from 1.
    pub query: usize,
    /// The statement that succeeded.
    pub statement_id: String,
    /// Always `FINISHED`.
    pub status: &'static str,
    /// Rows returned or affected, where the service says.
    pub rows: Option<u64>,
    /// How long the statement ran.
    pub seconds: f64,
    /// How many tries it took.
    pub attempts: u32,
}

/// Something that happened on the way.
#[derive(Debug)]
pub enum ChainEvent<'a> {
    /// A try was handed over.
    Submitted {
        /// Which try.
        attempt: u32,
        /// Its statement id.
        statement: &'a str,
    },
    /// A try is under way.
    Running {
        /// Which try.
        attempt: u32,
    },
    /// A try failed; there will be another.
    Failed {
        /// Which try.
        attempt: u32,
        /// The warehouse's error.
        error: &'a str,
        /// When it will be.
        pause: Duration,
    },
    /// The service is busy or out of reach; the call is made again.
    Lost {
        /// Why.
        error: &'a WarehouseError,
    },
    /// The query succeeded.
    Finished(&'a QueryOutcome),
}

/// Is told what happens.
pub trait ChainObserver: Send + Sync {
    /// Something happened to a query, counted from 1.
    fn notice(&self, query: usize, event: &ChainEvent<'_>);
}

/// Why a chain did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A query failed for good.
    #[error(transparent)]
    Stopped(ChainStop),
    /// The service refused a call, or could not be reached for long.
    #[error("{query} (attempt {attempt}) could not go on")]
    CallFailed {
        /// Which query.
        query: String,
        /// Which try.
        attempt: u32,
        /// The cause.
        #[source]
        source: WarehouseError,
    },
    /// Whoever ran it wanted it to stop.
    #[error("stopped at {query}; {}", cancelled(.statement.as_deref()))]
    Interrupted {
        /// Which query.
        query: String,
        /// Its statement, which was cancelled; none between two tries.
        statement: Option<String>,
    },
}

fn cancelled(statement: Option<&str>) -> String {
    match statement {
        Some(statement) => format!("its statement {statement} was cancelled"),
        None => "nothing of it is running".to_owned(),
    }
}

/// How far a chain came.
#[derive(Debug)]
pub struct ChainReport {
    /// The queries that succeeded, in order.
    pub done: Vec<QueryOutcome>,
    /// Why it stopped, if it did before its end, and at which query, counted from 1.
    pub stop: Option<(usize, ChainError)>,
}

/// Runs chains.
pub struct RunChain {
    statements: Arc<dyn StatementClient>,
    observer: Arc<dyn ChainObserver>,
    /// What the statements of this run are called: `<name>/<query>/<attempt>`.
    name: String,
    /// Turns true when the run should stop.
    stop: watch::Receiver<bool>,
}

impl RunChain {
    /// A run that stops when `stop` turns true. A statement that is under way is cancelled then.
    pub fn new(
        statements: Arc<dyn StatementClient>,
        observer: Arc<dyn ChainObserver>,
        name: String,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            statements,
            observer,
            name,
            stop,
        }
    }

    /// Runs the queries one after the other, beginning with number `from`, counted from 1.
    pub async fn run(&self, queries: &[ChainQuery], from: usize) -> ChainReport {
        let mut done = Vec::new();
        for (index, query) in queries.iter().enumerate().skip(from.saturating_sub(1)) {
            let number = index + 1;
            let mut runner = QueryRun {
                chain: self,
                query,
                number,
                place: format!("query {number} of {}", queries.len()),
                attempt: 1,
            };
            match runner.run().await {
                Ok(outcome) => {
                    self.observer.notice(number, &ChainEvent::Finished(&outcome));
                    done.push(outcome);
                }
                Err(error) => {
                    return ChainReport {
                        done,
                        stop: Some((number, error)),
                    };
                }
            }
        }
        ChainReport { done, stop: None }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits; false when the run was stopped meanwhile. A sender that is gone will never stop it.
    async fn wait(&self, duration: Duration) -> bool {
        let mut stop = self.stop.clone();
        let stopped = async {
            if stop.wait_for(|stopped| *stopped).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => false,
            () = sleep(duration) => true,
        }
    }
}

/// One query on its way.
struct QueryRun<'a> {
    chain: &'a RunChain,
    query: &'a ChainQuery,
    number: usize,
    place: String,
    attempt: u32,
}

impl QueryRun<'_> {
    async fn run(&mut self) -> Result<QueryOutcome, ChainError> {
        let mut pauses = self.query.pace.pauses();
        let mut statement = self.begin().await?;
        loop {
            match self.until_ended(&statement).await? {
                End::Finished(seen) => return Ok(self.outcome(statement, &seen)),
                End::Aborted => {
                    return Err(ChainError::Stopped(ChainStop::Cancelled {
                        query: self.place.clone(),
                        attempt: self.attempt,
                        statement,
                    }));
                }
                End::Failed(error) => {
                    self.judge(&statement, &error)?;
                    let pause = pauses.next(draw());
                    self.notice(&ChainEvent::Failed {
                        attempt: self.attempt,
                        error: &error,
                        pause,
                    });
                    self.wait(pause, None).await?;
                    self.attempt += 1;
                    statement = self.submit().await?;
                }
            }
        }
    }

    /// The first try: under way already, or handed over now.
    async fn begin(&self) -> Result<String, ChainError> {
        if self.query.statement_id.is_empty() {
            self.submit().await
        } else {
            Ok(self.query.statement_id.clone())
        }
    }

    /// Hands a try over and gives it the time that it takes at least. The call itself is never broken off: a statement whose
    /// id nobody knows could not be cancelled.
    async fn submit(&self) -> Result<String, ChainError> {
        let name = format!("{}/{}/{}", self.chain.name, self.number, self.attempt);
        let token = new_token();
        let mut lost = LostCalls::default();
        let statement = loop {
            self.wait(Duration::ZERO, None).await?;
            let answer = self
                .chain
                .statements
                .execute(&self.query.request, &name, &token)
                .await;
            match answer {
                Ok(statement) => break statement,
                Err(error) => self.bear(&mut lost, error, None).await?,
            }
        };
        self.notice(&ChainEvent::Submitted {
            attempt: self.attempt,
            statement: &statement,
        });
        self.wait(self.query.pace.first_look(), Some(&statement)).await?;
        Ok(statement)
    }

    async fn until_ended(&self, statement: &str) -> Result<End, ChainError> {
        let mut looks = self.query.pace.looks();
        let mut lost = LostCalls::default();
        loop {
            match self.chain.statements.look(statement).await {
                Ok(seen) => match End::of(seen) {
                    Some(end) => return Ok(end),
                    None => {
                        lost = LostCalls::default();
                        self.notice(&ChainEvent::Running {
                            attempt: self.attempt,
                        });
                        let wait = looks.next().unwrap_or_default();
                        self.wait(wait, Some(statement)).await?;
                    }
                },
                Err(WarehouseError::UnknownStatement { .. }) => {
                    return Err(ChainError::Stopped(ChainStop::StatementUnknown {
                        query: self.place.clone(),
                        statement: statement.to_owned(),
                    }));
                }
                Err(error) => self.bear(&mut lost, error, Some(statement)).await?,
            }
        }
    }

    fn judge(&self, statement: &str, error: &str) -> Result<(), ChainError> {
        let (query, attempt) = (self.place.clone(), self.attempt);
        let (statement, text) = (statement.to_owned(), error.to_owned());
        match self.query.judge(attempt, error) {
            Verdict::TryAgain => Ok(()),
            Verdict::NotToRetry => Err(ChainError::Stopped(ChainStop::NotToRetry {
                query,
                attempt,
                statement,
                error: text,
            })),
            Verdict::TriedEnough => Err(ChainError::Stopped(ChainStop::TriedEnough {
                query,
                attempt,
                statement,
                error: text,
            })),
        }
    }

    /// Waits after a call that may succeed when it is made again, longer each time; gives up on any other.
    async fn bear(
        &self,
        lost: &mut LostCalls,
        error: WarehouseError,
        statement: Option<&str>,
    ) -> Result<(), ChainError> {
        match lost
            .next_wait()
            .filter(|_| error.disposition() == Disposition::Retry)
        {
            Some(wait) => {
                self.notice(&ChainEvent::Lost { error: &error });
                self.wait(wait, statement).await
            }
            None => Err(ChainError::CallFailed {
                query: self.place.clone(),
                attempt: self.attempt,
                source: error,
            }),
        }
    }

    /// Waits. When the run is stopped, cancels the statement that is under way.
    async fn wait(&self, duration: Duration, statement: Option<&str>) -> Result<(), ChainError> {
        let goes_on = !self.chain.is_stopped() && self.chain.wait(duration).await;
        if goes_on {
            return Ok(());
        }
        if let Some(statement) = statement {
            self.cancel(statement).await?;
        }
        Err(ChainError::Interrupted {
            query: self.place.clone(),
            statement: statement.map(str::to_owned),
        })
    }

    /// Cancels a statement and sees it end. One that has ended meanwhile cannot be cancelled, which is as good.
    async fn cancel(&self, statement: &str) -> Result<(), ChainError> {
        let failed = |source| ChainError::CallFailed {
            query: self.place.clone(),
            attempt: self.attempt,
            source,
        };
        let asked = self.chain.statements.cancel(statement).await;
        for _ in 0..CANCEL_LOOKS {
            let seen = self.chain.statements.look(statement).await.map_err(failed)?;
            if seen.run != StatementRun::Running {
                return Ok(());
            }
            sleep(CANCEL_LOOK).await;
        }
        asked.map_err(failed)
    }

    fn outcome(&self, statement: String, seen: &StatementReport) -> QueryOutcome {
        QueryOutcome {
            query: self.number,
            statement_id: statement,
            status: "FINISHED",
            rows: seen.rows,
            seconds: (seen.duration.as_secs_f64() * 1000.0).round() / 1000.0,
            attempts: self.attempt,
        }
    }

    fn notice(&self, event: &ChainEvent<'_>) {
        self.chain.observer.notice(self.number, event);
    }
}

/// How a try ended.
enum End {
    Finished(StatementReport),
    Failed(String),
    Aborted,
}

impl End {
    /// None while it runs.
    fn of(seen: StatementReport) -> Option<Self> {
        match seen.run {
            StatementRun::Running => None,
            StatementRun::Finished => Some(Self::Finished(seen)),
            StatementRun::Failed => {
                let error = seen.error.unwrap_or_else(|| "no error was given".to_owned());
                Some(Self::Failed(error))
            }
            StatementRun::Aborted => Some(Self::Aborted),
        }
    }
}

/// Calls in a row that came to nothing.
#[derive(Default)]
struct LostCalls {
    count: u32,
}

impl LostCalls {
    /// How long to wait for the next call; none when there were too many.
    fn next_wait(&mut self) -> Option<Duration> {
        self.count += 1;
        let wait = Duration::from_secs(2).saturating_mul(2_u32.saturating_pow(self.count - 1));
        (self.count <= MOST_LOST_CALLS).then_some(wait.min(LONGEST_LOST_WAIT))
    }
}

/// A number from 0 up to but not including 1. The first 48 bits of a random UUID are random.
fn draw() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() >> 80;
    #[expect(clippy::cast_precision_loss, reason = "a float holds 48 bits exactly")]
    let fraction = bits as f64 / 2_f64.powi(48);
    fraction
}

fn new_token() -> String {
    uuid::Uuid::new_v4().to_string()
}

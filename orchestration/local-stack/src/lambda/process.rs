//! One process of a function: started with a clean environment, given one event at a time, ended for certain.

use std::collections::BTreeMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::faults::Caller;
use crate::lambda::door::Door;
use crate::lambda::function::HostEnvironment;
use crate::lambda::guard::Guard;
use crate::lambda::log::FunctionLog;
use crate::lambda::runtime_api::{Event, Phase, Report, RuntimeApi};
use crate::options::FunctionOptions;

/// How long a process may take from its start until it asks for its first event, as on Lambda.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a process has to end by itself after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// The function's own error, or the account of how its process ended: JSON with `errorType` and `errorMessage`.
    Error(Bytes),
}

/// Whether a process may be given another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Fit,
    /// It ended, failed to start, or is stuck in an event that timed out.
    Spent,
}

/// A running process.
pub(super) struct Process {
    child: Child,
    guard: Guard,
    api: RuntimeApi,
    door: Door,
    caller: Arc<Caller>,
    group: Pid,
}

impl Process {
    /// Starts a process of a function.
    pub(super) async fn start(
        options: &FunctionOptions,
        host: &HostEnvironment,
        log: &Arc<FunctionLog>,
    ) -> io::Result<Self> {
        let api = RuntimeApi::open().await?;
        let caller = Caller::new(&options.name, &host.faults);
        let door = Door::open(host.gateway.clone(), Arc::clone(&caller)).await?;
        let mut command = Command::new(&options.executable);
        command
            .env_clear()
            .envs(host.variables(options))
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .envs(environment(options, host, &door))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole foreground group: the functions are ended by us, in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let number = child
            .id()
            .ok_or_else(|| io::Error::other("the process ended before it could be guarded"))?;
        let guard = Guard::post(number)?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(Arc::clone(log).follow(output));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(Arc::clone(log).follow(output));
        }
        let group = Pid::from_raw(i32::try_from(number).map_err(io::Error::other)?);
        caller.started();
        Ok(Self {
            child,
            guard,
            api,
            door,
            caller,
            group,
        })
    }

    /// Whether the process is still there; one that ended while it was idle must not be given work.
    pub(super) fn is_running(&mut self) -> bool {
        !self.caller.is_condemned() && matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives the process an event and waits for what comes of it.
    pub(super) async fn invoke(&mut self, event: Event) -> (Outcome, Health) {
        self.caller.begin(&event.request_id, &event.payload);
        if let Err(outcome) = self.wait_until_ready().await {
            return (outcome, Health::Spent);
        }
        let (request_id, timeout) = (event.request_id.clone(), event.timeout);
        let report = self.api.deliver(event).await;
        tokio::select! {
            biased;
            () = self.caller.condemned() => (self.killed(&request_id).await, Health::Spent),
            report = report => match report {
                Ok(Report::Answer(bytes)) => (Outcome::Answer(bytes), Health::Fit),
                Ok(Report::Error(bytes)) => (Outcome::Error(bytes), Health::Fit),
                Err(_) => (exited(&request_id, None), Health::Spent),
            },
            status = self.child.wait() => (exited(&request_id, status.ok()), Health::Spent),
            () = tokio::time::sleep(timeout) => (timed_out(&request_id, timeout), Health::Spent),
        }
    }

    /// Waits until the process has asked for its first event.
    async fn wait_until_ready(&mut self) -> Result<(), Outcome> {
        let mut phase = self.api.phase();
        let started = async {
            phase
                .wait_for(|phase| *phase != Phase::Starting)
                .await
                .map(|phase| phase.clone())
        };
        tokio::select! {
            biased;
            () = self.caller.condemned() => Err(self.killed("init").await),
            started = tokio::time::timeout(START_TIMEOUT, started) => match started {
                Ok(Ok(Phase::FailedToStart(error))) => Err(Outcome::Error(error)),
                Ok(Ok(Phase::Starting | Phase::Ready)) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(error("Sandbox.Timedout", "the process asked for no event in time")),
            },
            status = self.child.wait() => Err(exited("init", status.ok())),
        }
    }

    /// Carries out what a fault has in store for the process.
    async fn killed(&mut self, request_id: &str) -> Outcome {
        self.signal(Signal::SIGKILL);
        exited(request_id, self.child.wait().await.ok())
    }

    /// Ends the process at once, with everything it started.
    pub(super) async fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.bury().await;
    }

    /// Asks the process to end, and ends it when it does not.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(TERM_GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::SIGKILL);
        }
        self.bury().await;
    }

    async fn bury(mut self) {
        self.guard.dismiss().await;
        self.child.wait().await.ok();
        self.caller.ended();
        self.door.close().await;
    }

    /// A group that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        killpg(self.group, signal).ok();
    }
}

/// The function's own variables, with the process's own door where they would lead to the stack's.
fn environment<'a>(
    options: &'a FunctionOptions,
    host: &HostEnvironment,
    door: &Door,
) -> BTreeMap<&'a str, String> {
    let own = options.environment.iter();
    let mut variables: BTreeMap<&str, String> = own
        .map(|(name, value)| (name.as_str(), value.replace(&host.endpoint_url, door.url())))
        .collect();
    variables
        .entry("AWS_ENDPOINT_URL")
        .or_insert_with(|| door.url().to_owned());
    variables
}

fn exited(request_id: &str, status: Option<ExitStatus>) -> Outcome {
    let how = status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string());
    error(
        "Runtime.ExitError",
        &format!("RequestId: {request_id} Error: Runtime exited with error: {how}"),
    )
}

fn timed_out(request_id: &str, timeout: Duration) -> Outcome {
    let seconds = timeout.as_secs_f64();
    error(
        "Sandbox.Timedout",
        &format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
    )
}

fn error(kind: &str, message: &str) -> Outcome {
    Outcome::Error(Bytes::from(
        json!({ "errorType": kind, "errorMessage": message }).to_string(),
    ))
}

/// The outcome of an event whose process could not even be started.
pub(super) fn not_started(source: &io::Error) -> Outcome {
    error(
        "Runtime.InvalidEntrypoint",
        &format!("the executable cannot be started: {source}"),
    )
}

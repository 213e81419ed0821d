//! Functions: each with up to its concurrency of processes, started when there is something to do and then kept.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{RwLock, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::Faults;
use crate::lambda::door::Gateway;
use crate::lambda::invocation::{Attempt, Invocation, Invocations};
use crate::lambda::log::FunctionLog;
use crate::lambda::process::{Health, Outcome, Process, not_started};
use crate::lambda::runtime_api::Event;
use crate::options::FunctionOptions;
use crate::time::Moment;

/// What every function of the stack gets in its environment.
#[derive(Clone)]
pub(crate) struct HostEnvironment {
    pub(crate) endpoint_url: String,
    /// How the doors of processes lead to the endpoint.
    pub(crate) gateway: Gateway,
    pub(crate) faults: Arc<Faults>,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) log_folder: PathBuf,
}

impl HostEnvironment {
    /// The variables that Lambda sets, and those that lead every AWS SDK to this stack.
    pub(super) fn variables(&self, options: &FunctionOptions) -> Vec<(&'static str, String)> {
        let task_root = options
            .executable
            .parent()
            .map(|folder| folder.display().to_string())
            .unwrap_or_default();
        vec![
            ("AWS_ACCESS_KEY_ID", self.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", options.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", options.memory_mb.to_string()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", options.name),
            ),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("LAMBDA_TASK_ROOT", task_root),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ]
    }

    /// The ARN of a function of this account and region.
    pub(super) fn arn(&self, function: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{function}",
            self.region, self.account
        )
    }
}

/// The functions that are served, and the delivery of their invocations.
pub(crate) struct Functions {
    host: HostEnvironment,
    invocations: Arc<Invocations>,
    served: RwLock<BTreeMap<String, Arc<Function>>>,
    deliveries: TaskTracker,
    stopping: CancellationToken,
}

impl Functions {
    /// No function yet: invocations wait until theirs is served.
    pub(crate) fn new(host: HostEnvironment, invocations: Arc<Invocations>) -> Arc<Self> {
        Arc::new(Self {
            host,
            invocations,
            served: RwLock::default(),
            deliveries: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Serves a function and begins to deliver its invocations, those of earlier runs first.
    pub(crate) async fn serve(self: &Arc<Self>, options: FunctionOptions) -> io::Result<()> {
        let log = FunctionLog::open(&self.host.log_folder, &options.name)?;
        let function = Arc::new(Function {
            host: self.host.clone(),
            slots: Arc::new(Semaphore::new(options.concurrency.max(1))),
            idle: Mutex::default(),
            log,
            stopping: self.stopping.clone(),
            options,
        });
        self.served
            .write()
            .await
            .insert(function.options.name.clone(), Arc::clone(&function));
        let functions = Arc::clone(self);
        self.deliveries
            .spawn(async move { functions.deliver_to(function).await });
        Ok(())
    }

    /// A function by its name or ARN.
    pub(super) async fn find(&self, name: &str) -> Option<Arc<Function>> {
        let name = name.rsplit(':').next().unwrap_or(name);
        self.served.read().await.get(name).cloned()
    }

    /// Invokes a function and waits for the outcome; none when the stack stopped first. It runs to its end even if
    /// the one who asked has gone, as on Lambda.
    pub(super) async fn invoke(
        &self,
        function: Arc<Function>,
        request_id: String,
        payload: Bytes,
    ) -> Option<Outcome> {
        let run = async move { function.invoke(request_id, payload).await };
        self.deliveries.spawn(run).await.ok().flatten()
    }

    /// The queue of asynchronous invocations.
    pub(crate) fn invocations(&self) -> &Arc<Invocations> {
        &self.invocations
    }

    /// The ARN that a function of this name has or would have.
    pub(super) fn arn(&self, name: &str) -> String {
        self.host.arn(name)
    }

    /// What is cancelled when delivery is to end: for whoever cannot wait for [`Functions::stop`].
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Ends delivery and every process. Invocations under way stay in the queue for the next start.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.deliveries.close();
        self.deliveries.wait().await;
        for function in self.served.write().await.values() {
            function.stop().await;
        }
    }

    async fn deliver_to(&self, function: Arc<Function>) {
        let name = function.options.name.clone();
        loop {
            let next = tokio::select! {
                next = self.invocations.next(&name) => next,
                () = self.stopping.cancelled() => return,
            };
            let (sequence, invocation) = match next {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(
                        function = name,
                        error = &error as &dyn std::error::Error,
                        "stopped delivery"
                    );
                    return;
                }
            };
            let slot = tokio::select! {
                slot = Arc::clone(&function.slots).acquire_owned() => slot,
                () = self.stopping.cancelled() => return,
            };
            let Ok(slot) = slot else { return };
            let (function, invocations) = (Arc::clone(&function), Arc::clone(&self.invocations));
            self.deliveries.spawn(async move {
                function.attempt(&invocations, sequence, invocation).await;
                drop(slot);
            });
        }
    }
}

/// One function.
pub(super) struct Function {
    options: FunctionOptions,
    host: HostEnvironment,
    log: Arc<FunctionLog>,
    slots: Arc<Semaphore>,
    /// Processes that wait for work, the last used on top: it is the warmest, and few stay busy when load is low.
    idle: Mutex<Vec<Process>>,
    stopping: CancellationToken,
}

impl Function {
    async fn invoke(&self, request_id: String, payload: Bytes) -> Option<Outcome> {
        let _slot = self.slots.acquire().await.ok()?;
        self.run(request_id, payload).await
    }

    async fn attempt(&self, invocations: &Invocations, sequence: u64, invocation: Invocation) {
        let started = Moment::now();
        let Invocation {
            request_id, payload, ..
        } = invocation;
        let Some(outcome) = self.run(request_id.clone(), Bytes::from(payload)).await else {
            return;
        };
        let error = match outcome {
            Outcome::Answer(_) => None,
            Outcome::Error(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        };
        if error.is_some() {
            tracing::warn!(
                function = self.options.name,
                request.id = request_id,
                "an invocation failed"
            );
        }
        let attempt = Attempt {
            started,
            ended: Moment::now(),
            error,
        };
        if let Err(error) = invocations.finish(sequence, attempt).await {
            tracing::error!(
                request.id = request_id,
                error = &error as &dyn std::error::Error,
                "could not record an invocation; it will be delivered again at the next start"
            );
        }
    }

    async fn run(&self, request_id: String, payload: Bytes) -> Option<Outcome> {
        let mut process = match self.process().await {
            Ok(process) => process,
            Err(error) => return Some(not_started(&error)),
        };
        let event = Event {
            request_id,
            function_arn: self.host.arn(&self.options.name),
            timeout: self.options.timeout,
            payload,
        };
        let finished = tokio::select! {
            finished = process.invoke(event) => Some(finished),
            () = self.stopping.cancelled() => None,
        };
        match finished {
            Some((outcome, Health::Fit)) if !self.host.faults.has_cold_starts() => {
                self.idle().push(process);
                Some(outcome)
            }
            Some((outcome, Health::Fit | Health::Spent)) => {
                process.kill().await;
                Some(outcome)
            }
            None => {
                process.stop().await;
                None
            }
        }
    }

    /// An idle process, or a new one. Those that ended while idle are put away.
    async fn process(&self) -> io::Result<Process> {
        loop {
            let idle = self.idle().pop();
            let Some(mut process) = idle else {
                return Process::start(&self.options, &self.host, &self.log).await;
            };
            if process.is_running() && !self.host.faults.has_cold_starts() {
                return Ok(process);
            }
            process.kill().await;
        }
    }

    async fn stop(&self) {
        let processes = std::mem::take(&mut *self.idle());
        futures_util::future::join_all(processes.into_iter().map(Process::stop)).await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

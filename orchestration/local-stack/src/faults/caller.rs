//! A function's process as the one who calls: its calls are numbered, and one of them may be its last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;

use crate::faults::FaultProxy;
use crate::faults::injector::{Call, Faults, Opened};
use crate::faults::plan::{Fault, FaultService, KillMoment, Stage};

/// One process of a function. Everything that comes in by its own door and its own proxies is a call of its.
pub(crate) struct Caller {
    function: String,
    faults: Arc<Faults>,
    attempt: Mutex<Attempt>,
    condemned: CancellationToken,
    ended: CancellationToken,
    proxies: AsyncMutex<HashMap<String, FaultProxy>>,
}

/// The invocation that the process works on, or was started for.
struct Attempt {
    opened: Opened,
    /// None until the invocation is known.
    event: Option<Arc<str>>,
    calls: u64,
}

impl Caller {
    /// A process about to start, for whichever invocation comes first: calls of its start belong to that one.
    pub(crate) fn new(function: &str, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self {
            function: function.to_owned(),
            attempt: Mutex::new(Attempt::new(faults.open(function, None), None)),
            faults: Arc::clone(faults),
            condemned: CancellationToken::new(),
            ended: CancellationToken::new(),
            proxies: AsyncMutex::default(),
        })
    }

    /// The process has started; it may be killed for it.
    pub(crate) fn started(&self) {
        self.suffer("Start");
    }

    /// The process is about to be given an event; it may be killed for it. Calls are counted from 1 again.
    pub(crate) fn begin(&self, request_id: &str, event: &[u8]) {
        let event: Arc<str> = String::from_utf8_lossy(event).into();
        {
            let mut attempt = self.attempt();
            if attempt.event.is_some() {
                *attempt = Attempt::new(self.faults.open(&self.function, Some(request_id)), Some(event));
            } else {
                self.faults.name(attempt.opened.record, request_id);
                attempt.event = Some(event);
            }
        }
        self.suffer("Invocation");
    }

    /// Numbers an outgoing call and tells whether the process is to die of it.
    pub(super) fn outgoing(&self, call: &Call) -> Option<KillMoment> {
        let mut act = self.act("OutgoingCall");
        let record = {
            let mut attempt = self.attempt();
            attempt.calls += 1;
            act.number = Some(attempt.calls);
            attempt.sign(&mut act);
            attempt.opened.record
        };
        self.faults.note(record, call);
        self.fate(&act)
    }

    /// Gives the call the caller's name, for rules that ask for it.
    pub(super) fn sign(&self, call: &mut Call) {
        call.function.get_or_insert_with(|| self.function.clone());
        self.attempt().sign(call);
    }

    /// Has the process killed and waits until it is gone.
    pub(super) async fn die(&self) {
        self.condemned.cancel();
        self.ended.cancelled().await;
    }

    /// Waits until the process is to be killed.
    pub(crate) async fn condemned(&self) {
        self.condemned.cancelled().await;
    }

    /// Whether the process is to be killed.
    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.is_cancelled()
    }

    /// The process is gone: who waits for its death may go on.
    pub(crate) fn ended(&self) {
        self.ended.cancel();
    }

    /// Puts the address of a proxy of this process into a secret with `host` and `port`. A secret without them, or with
    /// a socket folder as its host, stays as it is.
    pub(crate) async fn redirect(self: &Arc<Self>, secret: &str) -> std::io::Result<Option<String>> {
        let Ok(mut login) = serde_json::from_str::<Value>(secret) else {
            return Ok(None);
        };
        let Some(target) = address(&login) else {
            return Ok(None);
        };
        let mut proxies = self.proxies.lock().await;
        if !proxies.contains_key(&target) {
            let proxy = FaultProxy::of_process(target.clone(), Arc::clone(&self.faults), self).await?;
            proxies.insert(target.clone(), proxy);
        }
        let Some(proxy) = proxies.get(&target) else {
            return Ok(None);
        };
        login["host"] = Value::from(proxy.address().ip().to_string());
        login["port"] = if login["port"].is_string() {
            Value::from(proxy.address().port().to_string())
        } else {
            Value::from(proxy.address().port())
        };
        Ok(Some(login.to_string()))
    }

    fn suffer(&self, operation: &str) {
        let mut act = self.act(operation);
        self.sign(&mut act);
        if self.fate(&act).is_some() {
            self.condemned.cancel();
        }
    }

    fn act(&self, operation: &str) -> Call {
        Call {
            function: Some(self.function.clone()),
            ..Call::new(FaultService::Lambda, Stage::Process, operation)
        }
    }

    fn fate(&self, call: &Call) -> Option<KillMoment> {
        match self.faults.decide(call).fault {
            Some(Fault::Kill { moment }) => Some(moment),
            _ => None,
        }
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    fn new(opened: Opened, event: Option<Arc<str>>) -> Self {
        Self {
            opened,
            event,
            calls: 0,
        }
    }

    fn sign(&self, call: &mut Call) {
        call.invocation = Some(self.opened.number);
        call.event.clone_from(&self.event);
    }
}

fn address(login: &Value) -> Option<String> {
    let host = login
        .get("host")?
        .as_str()
        .filter(|host| !host.starts_with('/'))?;
    let port = match login.get("port")? {
        Value::String(port) => port.clone(),
        Value::Number(port) => port.to_string(),
        _ => return None,
    };
    Some(format!("{host}:{port}"))
}

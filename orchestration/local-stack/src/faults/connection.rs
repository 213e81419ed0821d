//! One connection through a proxy: both directions, and the faults that meet its calls.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Mutex, watch};

use crate::faults::caller::Caller;
use crate::faults::injector::Call;
use crate::faults::messages::{ClientMessage, ClientMessages, ServerMessages, fatal};
use crate::faults::plan::{Fault, FaultService, KillMoment, ProxyMode, Stage};
use crate::faults::proxy::Gate;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// How often a slow connection passes something on.
const PACE: Duration = Duration::from_millis(50);

/// Why a connection ended before its peers wanted it to.
pub(super) enum End {
    /// It is to be reset.
    Reset,
    /// The process that made it is to die first.
    Killed(Arc<Caller>),
    /// One of the peers is gone.
    Broken(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// The state that both directions share.
pub(super) struct Connection<'a> {
    gate: &'a Gate,
    mode: watch::Receiver<ProxyMode>,
    /// The server has agreed to encrypt: what follows cannot be read.
    is_opaque: AtomicBool,
    awaits_encryption: AtomicBool,
    /// Answers are kept from the client.
    is_silent: AtomicBool,
    /// How many calls the server has answered in full.
    completed: watch::Sender<u64>,
}

impl<'a> Connection<'a> {
    /// A connection that has just been made.
    pub(super) fn new(gate: &'a Gate) -> Self {
        Self {
            gate,
            mode: gate.faults.proxy_mode(),
            is_opaque: AtomicBool::new(false),
            awaits_encryption: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            completed: watch::Sender::new(0),
        }
    }

    /// Passes bytes on until one side closes or a fault ends it.
    pub(super) async fn run(&self, client: &mut TcpStream, server: &mut TcpStream) -> Result<(), End> {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let to_client = Mutex::new(to_client);
        tokio::select! {
            ended = self.requests(from_client, to_server, &to_client) => ended,
            ended = self.answers(from_server, &to_client) => ended,
            end = self.reset_by_mode() => Err(end),
        }
    }

    async fn requests(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        to_client: &Mutex<WriteHalf<'_>>,
    ) -> Result<(), End> {
        let (mut buffer, mut messages) = (BytesMut::with_capacity(CHUNK_BYTES), ClientMessages::default());
        let mut calls = 0;
        while from.read_buf(&mut buffer).await? > 0 {
            if self.is_opaque.load(Ordering::SeqCst) {
                self.pass(&mut to, &buffer.split()).await?;
                continue;
            }
            let mut passing = BytesMut::new();
            while let Some(message) = messages.next(&mut buffer) {
                if message.call.is_none() {
                    passing.extend_from_slice(&message.bytes);
                    continue;
                }
                self.pass(&mut to, &passing.split()).await?;
                calls += 1;
                self.call(message, calls, &mut to, to_client).await?;
            }
            self.pass(&mut to, &passing).await?;
        }
        Ok(())
    }

    /// Makes a call as the plan will have it.
    async fn call(
        &self,
        message: ClientMessage,
        number: u64,
        to: &mut WriteHalf<'_>,
        to_client: &Mutex<WriteHalf<'_>>,
    ) -> Result<(), End> {
        self.gate.calls.fetch_add(1, Ordering::SeqCst);
        let mut call = Call::new(
            FaultService::Postgres,
            Stage::Database,
            message.call.unwrap_or_default(),
        );
        let mut doomed = None;
        if let Some(caller) = self.gate.caller() {
            caller.sign(&mut call);
            doomed = caller.outgoing(&call).map(|moment| (caller, moment));
        }
        if let Some((caller, KillMoment::BeforeEffect)) = doomed {
            return Err(End::Killed(caller));
        }
        let verdict = self.gate.faults.decide(&call);
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        match &verdict.fault {
            Some(Fault::CloseBefore) => return Err(End::Reset),
            Some(Fault::Refuse { code, .. }) => {
                to_client.lock().await.write_all(&fatal(code)).await?;
                return Err(End::Broken(io::ErrorKind::ConnectionAborted.into()));
            }
            _ => {}
        }
        let is_lost = verdict.fault == Some(Fault::CloseAfter);
        if is_lost || doomed.is_some() {
            self.is_silent.store(true, Ordering::SeqCst);
        }
        if message.asks_for_encryption {
            self.awaits_encryption.store(true, Ordering::SeqCst);
        }
        self.pass(to, &message.bytes).await?;
        if !is_lost && doomed.is_none() {
            return Ok(());
        }
        self.wait_for_effect(number).await;
        Err(doomed.map_or(End::Reset, |(caller, _)| End::Killed(caller)))
    }

    /// Waits until the server has answered so many calls. It cannot wait for ever: when the server closes instead, the
    /// other direction ends the connection.
    async fn wait_for_effect(&self, calls: u64) {
        let mut completed = self.completed.subscribe();
        completed.wait_for(|completed| *completed >= calls).await.ok();
    }

    async fn answers(&self, mut from: ReadHalf<'_>, to_client: &Mutex<WriteHalf<'_>>) -> Result<(), End> {
        let (mut buffer, mut messages) = (BytesMut::with_capacity(CHUNK_BYTES), ServerMessages::default());
        while from.read_buf(&mut buffer).await? > 0 {
            let mut passing = BytesMut::new();
            if self.awaits_encryption.swap(false, Ordering::SeqCst) {
                let answer = buffer.split_to(1);
                self.is_opaque
                    .store(answer.first() != Some(&b'N'), Ordering::SeqCst);
                passing.extend_from_slice(&answer);
                self.completed.send_modify(|completed| *completed += 1);
            }
            if self.is_opaque.load(Ordering::SeqCst) {
                passing.extend_from_slice(&buffer.split());
            }
            let mut completed = 0;
            while let Some(message) = messages.next(&mut buffer) {
                passing.extend_from_slice(&message.bytes);
                completed += u64::from(message.completes_call);
            }
            if !self.is_silent.load(Ordering::SeqCst) {
                self.pass(&mut *to_client.lock().await, &passing).await?;
            }
            self.completed.send_modify(|all| *all += completed);
        }
        self.last_word().await
    }

    /// The server has closed. Who waits for the effect of a call is told that there will be no more.
    async fn last_word(&self) -> Result<(), End> {
        if self.is_silent.load(Ordering::SeqCst) {
            self.completed.send_replace(u64::MAX);
            return std::future::pending().await;
        }
        Ok(())
    }

    /// Writes bytes as the mode of the moment has it.
    async fn pass(&self, to: &mut WriteHalf<'_>, bytes: &[u8]) -> Result<(), End> {
        let mut rest = bytes;
        let mut mode = self.mode.clone();
        let mut counted = ProxyMode::Forward;
        while !rest.is_empty() {
            let now = *mode.borrow_and_update();
            if now != counted {
                counted = now;
                self.count(now);
            }
            match now {
                ProxyMode::Forward | ProxyMode::Refuse => {
                    to.write_all(rest).await?;
                    return Ok(());
                }
                ProxyMode::Hang | ProxyMode::Reset => {
                    mode.changed().await.map_err(|_| End::Reset)?;
                }
                ProxyMode::Slow { bytes_per_second } => {
                    let (piece, after) = rest.split_at(paced(bytes_per_second).min(rest.len()));
                    tokio::time::sleep(time_for(piece.len(), bytes_per_second)).await;
                    to.write_all(piece).await?;
                    rest = after;
                }
            }
        }
        Ok(())
    }

    fn count(&self, mode: ProxyMode) {
        match mode {
            ProxyMode::Hang => self.gate.faults.count("proxy_hang"),
            ProxyMode::Slow { .. } => self.gate.faults.count("proxy_slow"),
            ProxyMode::Forward | ProxyMode::Reset | ProxyMode::Refuse => {}
        }
    }

    async fn reset_by_mode(&self) -> End {
        let mut mode = self.mode.clone();
        if mode.wait_for(|mode| *mode == ProxyMode::Reset).await.is_ok() {
            self.gate.faults.count("proxy_reset");
        }
        End::Reset
    }
}

/// The piece that a slow connection passes on at a time.
fn paced(bytes_per_second: u64) -> usize {
    let pieces_per_second = 1000 / u64::try_from(PACE.as_millis()).unwrap_or(1).max(1);
    usize::try_from(bytes_per_second / pieces_per_second)
        .unwrap_or(usize::MAX)
        .max(1)
}

fn time_for(bytes: usize, bytes_per_second: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64)
}

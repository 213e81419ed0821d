//! A TCP proxy before PostgreSQL that fails on command.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::faults::caller::Caller;
use crate::faults::connection::{Connection, End};
use crate::faults::injector::Faults;
use crate::faults::plan::{FaultPlan, ProxyMode};

/// A proxy that passes connections on to a PostgreSQL server, counts the calls that clients make, and can hang, reset,
/// refuse and slow down. A call is a message that the server answers: startup, password, query, sync, end of a copy.
///
/// Encrypted connections pass, but are not looked into: their calls are not counted, and no rule strikes them.
/// Dropping it closes the port and every connection.
pub struct FaultProxy {
    address: SocketAddr,
    gate: Arc<Gate>,
    _closes: DropGuard,
}

/// What the connections of a proxy share.
pub(super) struct Gate {
    pub(super) target: String,
    pub(super) faults: Arc<Faults>,
    pub(super) calls: AtomicU64,
    connections: AtomicU64,
    /// The process that this proxy is for; it owns the proxy.
    caller: Option<Weak<Caller>>,
}

impl FaultProxy {
    /// Opens a proxy on a free loopback port before `target` (`host:port`). It stands by itself: no plan but its mode.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(target: impl Into<String>) -> io::Result<Self> {
        Self::before(target.into(), Faults::new(FaultPlan::default()), None).await
    }

    /// A proxy that follows a stack's plan and belongs to nobody.
    pub(crate) async fn of_stack(target: String, faults: Arc<Faults>) -> io::Result<Self> {
        Self::before(target, faults, None).await
    }

    /// A proxy whose calls are those of one process.
    pub(super) async fn of_process(
        target: String,
        faults: Arc<Faults>,
        caller: &Arc<Caller>,
    ) -> io::Result<Self> {
        Self::before(target, faults, Some(Arc::downgrade(caller))).await
    }

    async fn before(target: String, faults: Arc<Faults>, caller: Option<Weak<Caller>>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let gate = Arc::new(Gate {
            target,
            faults,
            calls: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            caller,
        });
        let closing = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&gate), closing.clone()));
        Ok(Self {
            address,
            gate,
            _closes: closing.drop_guard(),
        })
    }

    /// Where clients are to connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how connections are treated from now on. Proxies of one stack have one mode.
    pub fn set_mode(&self, mode: ProxyMode) {
        self.gate.faults.set_proxy_mode(mode);
    }

    /// How connections are treated.
    #[must_use]
    pub fn mode(&self) -> ProxyMode {
        *self.gate.faults.proxy_mode().borrow()
    }

    /// How many calls clients have made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.gate.calls.load(Ordering::SeqCst)
    }

    /// How many connections clients have made, those that were refused included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.gate.connections.load(Ordering::SeqCst)
    }
}

impl Gate {
    /// The process whose calls these are.
    pub(super) fn caller(&self) -> Option<Arc<Caller>> {
        self.caller.as_ref()?.upgrade()
    }
}

async fn accept(listener: TcpListener, gate: Arc<Gate>, closing: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
        };
        let Ok((client, _)) = accepted else {
            // The client has gone again, or descriptors ran out and the next connection to close frees one.
            tokio::task::yield_now().await;
            continue;
        };
        gate.connections.fetch_add(1, Ordering::SeqCst);
        let (gate, closing) = (Arc::clone(&gate), closing.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(client, &gate) => {}
                () = closing.cancelled() => {}
            }
        });
    }
}

async fn serve(mut client: TcpStream, gate: &Gate) {
    let mode = *gate.faults.proxy_mode().borrow();
    if let Some(kind) = refusing(mode) {
        gate.faults.count(kind);
        reset(&client);
        return;
    }
    let mut server = match TcpStream::connect(&gate.target).await {
        Ok(server) => server,
        Err(error) => {
            tracing::debug!(target = gate.target, %error, "could not reach what a proxy stands before");
            reset(&client);
            return;
        }
    };
    // The proxy must not add waiting of its own: messages are small and each is waited for.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    match Connection::new(gate).run(&mut client, &mut server).await {
        Ok(()) => {}
        Err(End::Reset) => reset(&client),
        Err(End::Killed(caller)) => caller.die().await,
        Err(End::Broken(error)) => tracing::debug!(%error, "a connection through a proxy ended"),
    }
}

fn refusing(mode: ProxyMode) -> Option<&'static str> {
    match mode {
        ProxyMode::Reset => Some("proxy_reset"),
        ProxyMode::Refuse => Some("proxy_refuse"),
        ProxyMode::Forward | ProxyMode::Hang | ProxyMode::Slow { .. } => None,
    }
}

/// Has the connection end by a reset when it is dropped. If that fails it ends politely, which is an end as well.
fn reset(client: &TcpStream) {
    client.set_zero_linger().ok();
}

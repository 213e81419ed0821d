//! A line to PostgreSQL that counts what goes over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longshore_testkit::TestDatabase;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What went over the line.
#[derive(Debug, Default)]
struct Counts {
    /// How often the client spoke after it had heard the server.
    trips: AtomicUsize,
    /// How often the server said that it is ready for the next thing.
    answers: AtomicUsize,
}

/// A line on a port of its own.
pub(crate) struct Line {
    pub(crate) port: u16,
    counts: Arc<Counts>,
}

/// How much went over it at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Round trips, on which the client waits once each.
    pub(crate) trips: usize,
    /// What was asked: statements, and what begins and ends transactions.
    pub(crate) asked: usize,
}

impl Line {
    pub(crate) async fn to(database: &TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let (host, server_port) = (database.server().host(), database.server().port());
        tokio::spawn({
            let counts = counts.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    client.set_nodelay(true).unwrap();
                    let counts = counts.clone();
                    if host.starts_with('/') {
                        let socket = format!("{host}/.s.PGSQL.{server_port}");
                        let server = UnixStream::connect(socket).await.unwrap();
                        tokio::spawn(carry(client, server, counts));
                    } else {
                        let server = TcpStream::connect((host.as_str(), server_port)).await.unwrap();
                        tokio::spawn(carry(client, server, counts));
                    }
                }
            }
        });
        Self { port, counts }
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            trips: self.counts.trips.load(Ordering::SeqCst),
            asked: self.counts.answers.load(Ordering::SeqCst),
        }
    }
}

impl Reading {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            trips: self.trips - earlier.trips,
            asked: self.asked - earlier.asked,
        }
    }
}

/// Carries bytes both ways until one side ends.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(mut client: TcpStream, mut server: S, counts: Arc<Counts>) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let mut unread = Vec::new();
    let mut has_heard = true;
    loop {
        asked.clear();
        answered.clear();
        tokio::select! {
            read = client.read_buf(&mut asked) => {
                if read.unwrap_or(0) == 0 { return }
                counts.trips.fetch_add(usize::from(has_heard), Ordering::SeqCst);
                has_heard = false;
                server.write_all(&asked).await.unwrap();
            }
            read = server.read_buf(&mut answered) => {
                if read.unwrap_or(0) == 0 { return }
                has_heard = true;
                unread.extend_from_slice(&answered);
                counts.answers.fetch_add(ready_for_more(&mut unread), Ordering::SeqCst);
                if client.write_all(&answered).await.is_err() { return }
            }
        }
    }
}

/// Takes whole messages of the server out of what was read, and counts those that end an answer.
fn ready_for_more(unread: &mut Vec<u8>) -> usize {
    let mut ready = 0;
    while let Some(length) = unread.get(1..5) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize + 1;
        if unread.len() < length {
            break;
        }
        ready += usize::from(unread[0] == b'Z');
        unread.drain(..length);
    }
    ready
}

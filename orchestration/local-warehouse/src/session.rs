//! Sessions: connections that outlive a statement, with their temporary tables and settings.
//!
//! They live in memory, as in the service, where they end when the cluster restarts: a statement that a crash interrupted in a session fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use uuid::Uuid;

use crate::warehouse::Place;

/// Sessions of one account that may be open: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>.
pub(crate) const MOST_SESSIONS: usize = 500;

/// All sessions that are open.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Uuid, Arc<OpenSession>>>);

/// One session.
pub(crate) struct OpenSession {
    /// Where its statements run.
    pub(crate) place: Place,
    /// Its connection; None before the first statement.
    pub(crate) client: tokio::sync::Mutex<Option<Client>>,
    life: Mutex<Life>,
}

struct Life {
    keep_alive: Duration,
    ends_at: Instant,
    /// Whether a statement was accepted that has not ended.
    is_busy: bool,
}

impl Sessions {
    /// Opens a session; None when there are too many.
    pub(crate) fn open(&self, place: Place, keep_alive: Duration) -> Option<Uuid> {
        let mut sessions = self.lock();
        sessions.retain(|_, session| !session.is_over());
        if sessions.len() >= MOST_SESSIONS {
            return None;
        }
        let id = Uuid::new_v4();
        let session = OpenSession {
            place,
            client: tokio::sync::Mutex::new(None),
            life: Mutex::new(Life {
                keep_alive,
                ends_at: Instant::now() + keep_alive,
                is_busy: false,
            }),
        };
        sessions.insert(id, Arc::new(session));
        Some(id)
    }

    /// A session that is not over.
    pub(crate) fn find(&self, id: Uuid) -> Option<Arc<OpenSession>> {
        let mut sessions = self.lock();
        sessions.retain(|_, session| !session.is_over());
        sessions.get(&id).map(Arc::clone)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<OpenSession>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSession {
    /// A statement was accepted, and says perhaps how long the session lives on after it; false while another one runs, for nothing queues here.
    pub(crate) fn enter(&self, keep_alive: Option<Duration>) -> bool {
        let mut life = self.life();
        if life.is_busy {
            return false;
        }
        life.is_busy = true;
        life.keep_alive = keep_alive.unwrap_or(life.keep_alive);
        true
    }

    /// A statement ended; answers how long the session lives on if no other comes.
    pub(crate) fn leave(&self) -> Duration {
        let mut life = self.life();
        life.is_busy = false;
        life.ends_at = Instant::now() + life.keep_alive;
        life.keep_alive
    }

    fn is_over(&self) -> bool {
        let life = self.life();
        !life.is_busy && life.ends_at <= Instant::now()
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            cluster: 0,
            database: "dev".to_owned(),
        }
    }

    #[test]
    fn a_session_is_over_when_nothing_runs_in_it_and_its_time_is_up() {
        let sessions = Sessions::default();
        let id = sessions.open(place(), Duration::from_secs(60)).unwrap();
        let session = sessions.find(id).unwrap();
        assert!(session.enter(Some(Duration::ZERO)));
        assert!(!session.enter(None), "nothing queues");
        assert!(sessions.find(id).is_some(), "a statement runs in it");
        session.leave();
        assert!(sessions.find(id).is_none());
    }

    #[test]
    fn there_is_a_limit() {
        let sessions = Sessions::default();
        for _ in 0..MOST_SESSIONS {
            assert!(sessions.open(place(), Duration::from_secs(60)).is_some());
        }
        assert!(sessions.open(place(), Duration::from_secs(60)).is_none());
    }
}

//! Sessions: connections that outlive a statement, with their temporary tables and settings.
//!
//! They live in memory, as in the service, where they end when the cluster restarts: a statement that a crash interrupted in a session fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::warehouse::Place;

/// Sessions of one cluster that may be open: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>.
pub(crate) const MOST_SESSIONS: usize = 500;

/// How long a closed session is listed.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// All sessions of the last day. Those that are over have no connection any more.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Uuid, Arc<OpenSession>>>);

/// What a session is doing, in the words of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    /// Nothing.
    Available,
    /// A statement runs in it.
    Busy,
    /// It is over.
    Closed,
}

impl SessionStatus {
    /// All of them.
    pub(crate) const ALL: [&'static str; 3] = ["AVAILABLE", "BUSY", "CLOSED"];

    /// The service model's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Busy => "BUSY",
            Self::Closed => "CLOSED",
        }
    }
}

/// What a session can be told to be, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SessionFacts {
    /// Its id.
    pub(crate) id: Uuid,
    /// Where its statements run.
    pub(crate) place: Place,
    /// The fields of the request that opened it.
    pub(crate) request: Map<String, Value>,
    /// What it is doing.
    pub(crate) status: SessionStatus,
    /// When it was opened.
    pub(crate) created_at: DateTime<Utc>,
    /// When its status changed last.
    pub(crate) updated_at: DateTime<Utc>,
    /// How long it lives on after a statement.
    pub(crate) keep_alive: Duration,
    /// When it is over if nothing else comes.
    pub(crate) expires_at: DateTime<Utc>,
    /// The statement that runs in it.
    pub(crate) statement: Option<Uuid>,
}

/// One session.
pub(crate) struct OpenSession {
    created_at: DateTime<Utc>,
    /// The fields of the request that opened it.
    pub(crate) request: Map<String, Value>,
    /// Where its statements run.
    pub(crate) place: Place,
    /// Its connection; None before the first statement.
    pub(crate) client: tokio::sync::Mutex<Option<Client>>,
    life: Mutex<Life>,
}

struct Life {
    keep_alive: Duration,
    ends_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Whether a statement was accepted that has not ended.
    is_busy: bool,
    /// That statement, once it has an id.
    statement: Option<Uuid>,
}

impl Sessions {
    /// Opens a session for the request with these fields; None when there are too many. It is busy with that request's
    /// statement, so that one that is not kept alive is not over before it began.
    pub(crate) fn open(
        &self,
        place: Place,
        keep_alive: Duration,
        request: Map<String, Value>,
    ) -> Option<(Uuid, Arc<OpenSession>)> {
        let mut sessions = self.lock();
        forget_old(&mut sessions);
        let is_beside =
            |session: &&Arc<OpenSession>| session.place.cluster == place.cluster && !session.is_over();
        if sessions.values().filter(is_beside).count() >= MOST_SESSIONS {
            return None;
        }
        let (id, now) = (Uuid::new_v4(), Utc::now());
        let session = OpenSession {
            created_at: now,
            request,
            place,
            client: tokio::sync::Mutex::new(None),
            life: Mutex::new(Life {
                keep_alive,
                ends_at: now + keep_alive,
                updated_at: now,
                is_busy: true,
                statement: None,
            }),
        };
        let session = Arc::new(session);
        sessions.insert(id, Arc::clone(&session));
        Some((id, session))
    }

    /// Forgets a session in which nothing ran.
    pub(crate) fn forget(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// A session that is not over.
    pub(crate) fn find(&self, id: Uuid) -> Option<Arc<OpenSession>> {
        let sessions = self.lock();
        let session = sessions.get(&id).filter(|session| !session.is_over());
        session.map(Arc::clone)
    }

    /// Every session of the last day, the newest first.
    pub(crate) fn facts(&self) -> Vec<SessionFacts> {
        let mut sessions = self.lock();
        forget_old(&mut sessions);
        let mut facts: Vec<SessionFacts> = sessions.iter().map(|(id, session)| session.facts(*id)).collect();
        facts.sort_by_key(|facts| (std::cmp::Reverse(facts.created_at), facts.id));
        facts
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<OpenSession>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_old(sessions: &mut HashMap<Uuid, Arc<OpenSession>>) {
    sessions.retain(|_, session| !session.is_over() || session.life().ends_at + KEPT > Utc::now());
}

impl OpenSession {
    /// A statement was accepted, and says perhaps how long the session lives on after it; false while another one runs, for nothing queues here.
    pub(crate) fn enter(&self, keep_alive: Option<Duration>) -> bool {
        let mut life = self.life();
        if life.is_busy {
            return false;
        }
        life.is_busy = true;
        life.updated_at = Utc::now();
        life.keep_alive = keep_alive.unwrap_or(life.keep_alive);
        true
    }

    /// The statement that was accepted got this id.
    pub(crate) fn runs(&self, statement: Uuid) {
        self.life().statement = Some(statement);
    }

    /// A statement ended; answers how long the session lives on if no other comes.
    pub(crate) fn leave(&self) -> Duration {
        let mut life = self.life();
        life.is_busy = false;
        life.statement = None;
        life.updated_at = Utc::now();
        life.ends_at = life.updated_at + life.keep_alive;
        life.keep_alive
    }

    /// Closes the connection if the session is over, and with it its temporary tables.
    pub(crate) async fn close_if_over(&self) {
        let mut client = self.client.lock().await;
        if self.is_over() {
            client.take();
        }
    }

    fn facts(&self, id: Uuid) -> SessionFacts {
        let is_over = self.is_over();
        let life = self.life();
        let status = match (life.is_busy, is_over) {
            (true, _) => SessionStatus::Busy,
            (false, false) => SessionStatus::Available,
            (false, true) => SessionStatus::Closed,
        };
        SessionFacts {
            id,
            place: self.place.clone(),
            request: self.request.clone(),
            status,
            created_at: self.created_at,
            updated_at: if is_over { life.ends_at } else { life.updated_at },
            keep_alive: life.keep_alive,
            expires_at: life.ends_at,
            statement: life.statement.filter(|_| life.is_busy),
        }
    }

    fn is_over(&self) -> bool {
        let life = self.life();
        !life.is_busy && life.ends_at <= Utc::now()
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
        let (id, session) = sessions
            .open(place(), Duration::from_secs(60), Map::new())
            .unwrap();
        session.leave();
        assert!(sessions.find(id).is_some());
        assert!(session.enter(Some(Duration::ZERO)));
        assert!(!session.enter(None), "nothing queues");
        assert!(sessions.find(id).is_some(), "a statement runs in it");
        session.leave();
        assert!(sessions.find(id).is_none());
        assert_eq!(sessions.facts()[0].status, SessionStatus::Closed);
    }

    #[test]
    fn a_session_that_is_not_kept_alive_lasts_for_its_first_statement() {
        let sessions = Sessions::default();
        let (id, session) = sessions.open(place(), Duration::ZERO, Map::new()).unwrap();
        assert!(sessions.find(id).is_some());
        session.leave();
        assert!(sessions.find(id).is_none());
    }

    #[test]
    fn each_cluster_has_its_limit() {
        let sessions = Sessions::default();
        for _ in 0..MOST_SESSIONS {
            assert!(
                sessions
                    .open(place(), Duration::from_secs(60), Map::new())
                    .is_some()
            );
        }
        assert!(
            sessions
                .open(place(), Duration::from_secs(60), Map::new())
                .is_none()
        );
        let other = Place {
            cluster: 1,
            ..place()
        };
        assert!(
            sessions
                .open(other, Duration::from_secs(60), Map::new())
                .is_some()
        );
    }
}

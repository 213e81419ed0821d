//! The pool of connections: how they are made, and when one is asked whether it still lives.
//!
//! A connection that was used a moment ago is taken as it is: should it have died since, the statement fails as one that can be
//! tried again, and the pool, which hears of the end of a connection, makes another. One that may have died unheard is asked first.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Metrics, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use crate::error::StoreError;
use crate::store::ConnectOptions;
use crate::tls::{Tls, connector};

/// How long we wait for a connection, new or used.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to say that it lives. One that does not is left, and another is made.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// Whoever has not been used for so long is asked. Networks forget a connection within minutes, failing over takes longer than this.
const IDLE: Duration = Duration::from_secs(10);
/// How long a peer may leave what we sent unanswered by its network before it counts as gone.
const SILENCE_PATIENCE: Duration = Duration::from_secs(20);
/// Nothing the store asks takes long; what does, waits for a lock that somebody forgot. Each statement is planned for the
/// parameters that it has: a filter that may be left out has no index in a plan that must suit both. A server that takes no writes is
/// not the one that we mean: after a failover its name may lead to the one that was demoted, for as long as resolvers remember.
const SESSION_SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '15s';
    SET idle_in_transaction_session_timeout = '60s';
    SET plan_cache_mode = force_custom_plan;
    SET TimeZone = 'UTC';
    DO $body$
    BEGIN
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE read_only_sql_transaction USING MESSAGE = 'the server takes no writes: it is a reader, or was made one';
        END IF;
    END
    $body$";

/// When the process last woke from what may have been a long sleep.
///
/// A clock that stands still while the machine is frozen does no harm: nothing is used between two readings that are the same.
#[derive(Default)]
pub(crate) struct Woken(Mutex<Option<Instant>>);

impl Woken {
    /// It does this moment.
    pub(crate) fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection that was last seen alive then may have died unheard.
    fn doubts(&self, seen: Instant) -> bool {
        let woken = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.is_some_and(|woken| seen <= woken) || seen.elapsed() >= IDLE
    }
}

/// A pool that has no connections yet.
pub(crate) fn pool(options: &ConnectOptions, woken: Arc<Woken>) -> Result<Pool, StoreError> {
    let pool = Pool::builder(manager(options)?)
        .max_size(options.max_connections.max(1))
        .timeouts(Timeouts {
            wait: Some(CONNECT_PATIENCE),
            create: Some(CONNECT_PATIENCE),
            recycle: None,
        })
        .runtime(Runtime::Tokio1)
        .post_create(Hook::async_fn(|client, _| Box::pin(set_up(client))))
        .pre_recycle(Hook::async_fn(move |client, metrics| {
            let is_in_doubt = woken.doubts(last_seen(metrics));
            Box::pin(async move {
                match is_in_doubt {
                    true => sign_of_life(client).await,
                    false => Ok(()),
                }
            })
        }))
        .build();
    Ok(pool.expect("a pool with timeouts has a runtime"))
}

type Looked = Result<(), HookError>;

async fn set_up(client: &ClientWrapper) -> Looked {
    client
        .batch_execute(SESSION_SETTINGS)
        .await
        .map_err(HookError::Backend)
}

async fn sign_of_life(client: &ClientWrapper) -> Looked {
    let heard = timeout(SIGN_OF_LIFE, client.simple_query("")).await;
    match heard {
        Ok(answer) => answer.map(drop).map_err(HookError::Backend),
        Err(_) => Err(HookError::message("the connection gave no sign of life")),
    }
}

/// When a connection was last handed out, which nobody does who has not made it or looked at it.
fn last_seen(metrics: &Metrics) -> Instant {
    metrics.recycled.unwrap_or(metrics.created)
}

fn manager(options: &ConnectOptions) -> Result<Manager, StoreError> {
    let mut config = Config::new();
    config
        .host(&options.host)
        .port(options.port)
        .user(&options.user)
        .dbname(&options.database)
        .application_name(&options.application_name)
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_user_timeout(SILENCE_PATIENCE)
        .keepalives_idle(SILENCE_PATIENCE);
    if !options.password.0.is_empty() {
        config.password(&options.password.0);
    }
    // Whether a connection lives is asked by a hook, which knows when there is reason to.
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    match &options.tls {
        Tls::Off => {
            config.ssl_mode(SslMode::Disable);
            Ok(Manager::from_config(config, NoTls, recycling))
        }
        Tls::Required { ca_pem } => {
            config.ssl_mode(SslMode::Require);
            let connector = connector(ca_pem.as_deref())?;
            Ok(Manager::from_config(config, connector, recycling))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_before_the_process_woke_is_in_doubt() {
        let woken = Woken::default();
        let before = Instant::now();
        assert!(!woken.doubts(before));
        woken.now();
        assert!(woken.doubts(before));
        assert!(!woken.doubts(Instant::now()));
    }

    #[test]
    fn what_lay_idle_for_long_is_in_doubt_though_nobody_slept() {
        let long_ago = Instant::now().checked_sub(IDLE).unwrap();
        assert!(Woken::default().doubts(long_ago));
    }
}

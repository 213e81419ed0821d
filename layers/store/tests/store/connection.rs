//! Connections that fail, break and come back.

use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadId;
use longshore_store::{Announced, ConnectOptions, Password, Store, StoreError, Tls};
use longshore_testkit::TestDatabase;

use crate::support::{Bench, at, lease, object, options};

#[tokio::test]
async fn a_killed_backend_is_replaced() {
    let bench = Bench::new().await;
    bench.store.all_rules().await.unwrap();
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE application_name = 'store tests' AND datname = current_database()";
    assert!(bench.run(sql, &[]).await.unwrap() > 0);
    bench.store.all_rules().await.unwrap();
}

/// Ends the store's connections while this thread is held up, so that nobody on our side hears of it: as while a function is frozen.
fn kill_unheard(bench: &Bench) {
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE application_name = 'store tests' AND datname = current_database()";
    let kill = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(bench.run(sql, &[])).unwrap()
    };
    let killed = std::thread::scope(|scope| scope.spawn(kill).join().unwrap());
    assert!(killed > 0);
}

#[tokio::test]
async fn a_connection_that_died_while_its_function_was_frozen_is_replaced() {
    let bench = Bench::new().await;
    bench.store.wake();
    bench.store.all_rules().await.unwrap();
    kill_unheard(&bench);
    bench.store.wake();
    bench.store.all_rules().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_dies_within_an_invocation_is_worth_a_retry_which_gets_another() {
    let bench = Bench::new().await;
    bench.store.wake();
    let load = bench.received("in/A_701.txt").await;
    kill_unheard(&bench);
    let error = bench.store.all_rules().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
    bench.store.all_rules().await.unwrap();
    kill_unheard(&bench);
    let error = bench.store.admit(load.id, at(1)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry, "{error:?}");
    bench.store.admit(load.id, at(1)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_worth_a_retry() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(ConnectOptions {
        host: "127.0.0.1".to_owned(),
        port: closed_port(),
        ..options(&database)
    })
    .unwrap();
    let error = store.all_rules().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_a_wrong_setting() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(ConnectOptions {
        database: "no_such_database".to_owned(),
        ..options(&database)
    })
    .unwrap();
    let error = store.all_rules().await.unwrap_err();
    assert!(matches!(error, StoreError::DatabaseMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("no_such_database"), "{error}");
    assert_eq!(error.disposition(), Disposition::Misconfigured);
}

/// A writer that was demoted, and whose name leads to the new one after a while.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_left_and_asked_for_again() {
    let bench = Bench::new().await;
    let store = Store::connect(ConnectOptions {
        max_connections: 1,
        ..options(&bench.database)
    })
    .unwrap();
    let takes_writes = async |word: &str| {
        let name = bench.database.name();
        let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = {word}");
        let client = bench.database.client().await.unwrap();
        client
            .batch_execute("SET default_transaction_read_only = off")
            .await
            .unwrap();
        client.batch_execute(&sql).await.unwrap();
    };
    let claim = async |number: i64| {
        let wanted = object(&format!("in/{number}_701.txt"));
        let lease = lease("w", longshore_store::LeaseStep::Prepare, 60);
        let announced = Announced::default();
        store
            .claim_load(&wanted, &announced, &lease, at(0))
            .await
            .map(drop)
    };
    takes_writes("on").await;
    for _ in 0..2 {
        let error = claim(1).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.disposition(), Disposition::Retry);
    }
    takes_writes("off").await;
    claim(1).await.unwrap();
}

#[tokio::test]
async fn a_user_without_rights_is_named() {
    let bench = Bench::new().await;
    let user = format!(
        "reader_{}",
        LoadId::from_uuid(uuid::Uuid::new_v4()).as_uuid().simple()
    );
    bench
        .run(&format!("CREATE ROLE {user} LOGIN PASSWORD 'plum'"), &[])
        .await
        .unwrap();
    let store = Store::connect(ConnectOptions {
        user: user.clone(),
        password: Password::new("plum"),
        ..options(&bench.database)
    })
    .unwrap();
    let error = store.all_rules().await.unwrap_err();
    bench.run(&format!("DROP ROLE {user}"), &[]).await.unwrap();
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains(&user), "{error}");
}

#[tokio::test]
async fn a_lock_that_somebody_forgot_is_a_timeout() {
    let bench = Bench::new().await;
    bench.received("in/A_701.txt").await;
    let mut holder = bench.database.client().await.unwrap();
    let transaction = holder.transaction().await.unwrap();
    transaction
        .execute("LOCK TABLE rdscnfg.ext_file_load IN ACCESS EXCLUSIVE MODE", &[])
        .await
        .unwrap();
    let cancel = async {
        let sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                   WHERE application_name = 'store tests' AND datname = current_database()
                     AND wait_event_type = 'Lock'";
        while transaction.execute(sql, &[]).await.unwrap() == 0 {}
    };
    let lease = lease("w", longshore_store::LeaseStep::Prepare, 60);
    let wanted = object("in/B_701.txt");
    let announced = Announced::default();
    let claim = bench.store.claim_load(&wanted, &announced, &lease, at(0));
    let (claimed, ()) = tokio::join!(claim, cancel);
    let error = claimed.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(ConnectOptions {
        tls: Tls::Required {
            ca_pem: Some(CERTIFICATE.to_owned()),
        },
        ..options(&database)
    })
    .unwrap();
    let error = store.all_rules().await.unwrap_err();
    assert!(matches!(error, StoreError::TlsRefused { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Misconfigured);
}

#[test]
fn certificates_that_cannot_be_read_are_said_at_once() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nnonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ] {
        let error = Store::connect(ConnectOptions {
            host: "db.example".to_owned(),
            port: 5432,
            user: "u".to_owned(),
            password: Password::new("p"),
            database: "d".to_owned(),
            tls: Tls::Required {
                ca_pem: Some(pem.to_owned()),
            },
            schema: "rdscnfg".to_owned(),
            max_connections: 1,
            application_name: "store tests".to_owned(),
        })
        .unwrap_err();
        assert!(
            matches!(error, StoreError::CertificatesUnreadable { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn a_password_is_never_shown() {
    assert!(!format!("{:?}", Password::new("hunter2")).contains("hunter2"));
}

/// A certificate that signed nothing.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUUJna389fqhq58jJ9WNNfSkOZ0rMwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwObG9uZ3Nob3JlIHRlc3QwIBcNMjYxMTIxMDg0MjA2WhgPMjEy
NjEwMjgwODQyMDZaMBkxFzAVBgNVBAMMDmxvbmdzaG9yZSB0ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEwI4YvEWGjPUxrCpp6+OalzFZMvRcO6F8Jxtt8xp7
oS+7xcO13abdWKb/7PRU4/2m0MRAsahuTOdIVe73sOAJXKNTMFEwHQYDVR0OBBYE
FP0+6JWIa00jEsS+z2HZnUQej+VVMB8GA1UdIwQYMBaAFP0+6JWIa00jEsS+z2HZ
nUQej+VVMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgCa5Jwv91
svc/BVNHyptgO6npSkR02OBtTQaMez4WUK0CIQDzoPH7mFAJqisFPWlDaFUbnBgJ
bLA86SyeSwfsUPxFUA==
-----END CERTIFICATE-----";

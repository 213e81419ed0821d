//! A real server, started, killed and started again.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use longshore_local_postgres::{Cluster, ClusterOptions, Durability, PostgresError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_cluster_starts_answers_and_leaves_no_process_behind() -> TestResult {
    let folder = reachable_folder()?;
    let cluster = Cluster::start(throw_away(folder.path()))?;
    let process_id = cluster.process_id();
    assert!(is_alive(process_id));
    let client = cluster.connect("postgres").await?;
    let answer: i32 = client.query_one("SELECT 6 * 7", &[]).await?.get(0);
    assert_eq!(answer, 42);
    let socket_dir = cluster.socket_dir().to_path_buf();
    cluster.stop()?;
    assert!(!is_alive(process_id));
    assert!(!socket_dir.exists());
    assert!(
        !folder.path().join("pg").join("PG_VERSION").exists(),
        "throw-away data is removed"
    );
    Ok(())
}

#[tokio::test]
async fn committed_rows_are_there_after_the_postmaster_was_killed() -> TestResult {
    let folder = reachable_folder()?;
    let options = ClusterOptions::at(folder.path().join("pg"));
    let cluster = Cluster::start(options.clone())?;
    assert!(cluster.create_database_if_absent("orders").await?);
    assert!(!cluster.create_database_if_absent("orders").await?);
    let client = cluster.connect("orders").await?;
    client
        .batch_execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")
        .await?;
    kill(Pid::from_raw(cluster.process_id()), Signal::SIGKILL)?;
    drop(cluster);

    let cluster = Cluster::start(options)?;
    let client = cluster.connect("orders").await?;
    let rows: i64 = client.query_one("SELECT count(*) FROM t", &[]).await?.get(0);
    assert_eq!(rows, 2);
    Ok(())
}

#[tokio::test]
async fn the_url_reaches_the_database_over_socket_and_tcp() -> TestResult {
    let folder = reachable_folder()?;
    for (name, listen_port) in [("socket", None), ("tcp", Some(0))] {
        let options = ClusterOptions {
            listen_port,
            durability: Durability::ThrowAway,
            ..ClusterOptions::at(folder.path().join(name))
        };
        let cluster = Cluster::start(options)?;
        cluster.create_database_if_absent("odd name").await?;
        let (client, connection) =
            tokio_postgres::connect(&cluster.url("odd name"), tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        let database: String = client
            .query_one("SELECT current_database()::text", &[])
            .await?
            .get(0);
        assert_eq!(database, "odd name");
        drop(client);
        driver.await??;
    }
    Ok(())
}

/// Whoever else uses the machine reaches the port, and a superuser runs programs as the server's user.
#[tokio::test]
async fn nobody_comes_in_without_the_password_that_its_owner_alone_reads() -> TestResult {
    use std::os::unix::fs::PermissionsExt;
    let folder = reachable_folder()?;
    let options = ClusterOptions {
        listen_port: Some(0),
        ..ClusterOptions::at(folder.path().join("pg"))
    };
    let cluster = Cluster::start(options.clone())?;
    let password = cluster.password().ok_or("no password")?.to_owned();
    let url = cluster.url("postgres");
    assert!(url.contains(&password));
    for wrong in ["", ":guessed"] {
        let url = url.replace(&format!(":{password}"), wrong);
        let refused = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        assert!(refused.is_err(), "{wrong}");
    }
    let socket = format!(
        "host={} port={} user=longshore",
        cluster.socket_dir().display(),
        cluster.port()
    );
    assert!(
        tokio_postgres::connect(&socket, tokio_postgres::NoTls)
            .await
            .is_err()
    );
    let kept = folder.path().join("pg.password");
    assert_eq!(std::fs::metadata(&kept)?.permissions().mode() & 0o777, 0o600);
    cluster.stop()?;
    let cluster = Cluster::start(options)?;
    assert_eq!(cluster.password(), Some(password.as_str()));
    cluster.connect("postgres").await?;
    Ok(())
}

/// Cargo builds the examples with the tests, beside them.
fn owner_program() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let tests = std::env::current_exe()?;
    let profile = tests.parent().and_then(Path::parent).ok_or("no target folder")?;
    let program = profile.join("examples").join("owner");
    match program.is_file() {
        true => Ok(program),
        false => Err(format!(
            "{} is missing; build it with: cargo build -p longshore-local-postgres --examples",
            program.display()
        )
        .into()),
    }
}

#[test]
fn the_server_ends_when_its_owner_is_killed() -> TestResult {
    let folder = reachable_folder()?;
    let mut owner = Command::new(owner_program()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    writeln!(
        owner.stdin.as_mut().ok_or("no stdin")?,
        "{}",
        folder.path().display()
    )?;
    let output = BufReader::new(owner.stdout.take().ok_or("no stdout")?);
    let mut lines = output.lines().map_while(Result::ok);
    let process_id: i32 = lines
        .find_map(|line| line.strip_prefix("postmaster ").and_then(|id| id.parse().ok()))
        .ok_or("the owner said no process id")?;
    assert!(is_alive(process_id));
    owner.kill()?;
    owner.wait()?;
    // The folder is free again as soon as the owner is dead, and a new server waits for the old one to end.
    let cluster = Cluster::start(ClusterOptions::at(folder.path().join("pg")))?;
    assert!(!is_alive(process_id));
    drop(cluster);
    Ok(())
}

#[test]
fn a_folder_whose_owner_is_alive_is_not_taken() -> TestResult {
    let folder = reachable_folder()?;
    let first = Cluster::start(throw_away(folder.path()))?;
    let second = Cluster::start(throw_away(folder.path()));
    assert!(
        matches!(second, Err(PostgresError::DataFolderInUse { .. })),
        "{second:?}"
    );
    assert!(is_alive(first.process_id()));
    Ok(())
}

#[test]
fn a_server_that_cannot_start_says_why() -> TestResult {
    let folder = reachable_folder()?;
    let mut options = throw_away(folder.path());
    options
        .settings
        .push(("no_such_setting".to_owned(), "1".to_owned()));
    let error = Cluster::start(options).err().ok_or("it started")?;
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    Ok(())
}

#[test]
fn a_throw_away_server_refuses_a_folder_that_holds_something() -> TestResult {
    let folder = reachable_folder()?;
    std::fs::create_dir(folder.path().join("pg"))?;
    std::fs::write(folder.path().join("pg").join("precious"), "")?;
    let error = Cluster::start(throw_away(folder.path()))
        .err()
        .ok_or("it started")?;
    assert!(
        matches!(error, PostgresError::DataFolderNotEmpty { .. }),
        "{error}"
    );
    Ok(())
}

fn throw_away(folder: &Path) -> ClusterOptions {
    ClusterOptions {
        durability: Durability::ThrowAway,
        ..ClusterOptions::at(folder.join("pg"))
    }
}

/// A folder through which user `postgres` may pass.
fn reachable_folder() -> std::io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
}

fn is_alive(process_id: i32) -> bool {
    kill(Pid::from_raw(process_id), None).is_ok()
}

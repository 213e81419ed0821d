//! `longshore query run`: chains of statements in the warehouse.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use aws_sdk_redshiftdata::types::StatusString;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{PATIENCE, World, unique};

/// A query without waits.
fn brisk(sql: &str) -> Value {
    json!({"ExecuteStatementParameters": sql, "InitialWaitTime": 0, "BaseWaitTime": 0})
}

/// A statement that fails so many times before it succeeds. It counts in an identity column's sequence, which no rollback takes
/// back.
async fn failing(world: &World, times: u32, error: &str) -> anyhow::Result<(String, String)> {
    let table = format!("tries_{}", unique());
    let columns = "id integer IDENTITY(1, 1), other integer";
    world.query(&format!("CREATE TABLE {table} ({columns})")).await?;
    let sequence = format!("{table}_id_seq");
    let sql = format!(
        "SELECT CAST(CASE WHEN nextval('{sequence}') <= {times} THEN '{error}' ELSE '7' END AS integer)"
    );
    Ok((sql, sequence))
}

async fn tries(world: &World, sequence: &str) -> anyhow::Result<String> {
    let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}");
    let rows = world.query(&sql).await?;
    rows[0][0].clone().context("a number")
}

fn file(text: &str) -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn command(world: &World, chain: &NamedTempFile, more: &[&str]) -> anyhow::Result<Command> {
    let mut command = world.stack.local.command(&["query", "run"])?;
    command.arg(chain.path()).args(more);
    Ok(command)
}

fn run(world: &World, chain: &Value, more: &[&str]) -> anyhow::Result<Output> {
    let chain = file(&chain.to_string())?;
    Ok(command(world, &chain, more)?.output()?)
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_of(output: &Output) -> anyhow::Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| error_of(output))
}

#[tokio::test]
async fn a_chain_runs_in_order_and_reports_each_query() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let table = format!("chain_{}", unique());
    let (flaky, _) = failing(&world, 2, "boom").await?;
    let chain = json!([
        brisk(&format!("CREATE TABLE {table} (id integer)")),
        brisk(&format!("INSERT INTO {table} VALUES (1), (2)")),
        brisk(&flaky),
    ]);
    let output = run(&world, &chain, &["--json"])?;
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    let done = json_of(&output)?;
    let fields = |name: &str| -> Vec<Value> {
        let queries = done.as_array().into_iter().flatten();
        queries.map(|query| query[name].clone()).collect()
    };
    assert_eq!(fields("Query"), [1, 2, 3]);
    assert_eq!(fields("Attempts"), [1, 1, 3]);
    assert_eq!(fields("Rows")[1], 2);
    assert_eq!(
        world.query(&format!("SELECT count(*) FROM {table}")).await?[0][0].as_deref(),
        Some("2")
    );
    Ok(())
}

#[tokio::test]
async fn a_chain_that_is_watched_tells_every_change() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (flaky, _) = failing(&world, 1, "boom").await?;
    let output = run(&world, &json!([brisk(&flaky)]), &["--watch"])?;
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    let told = error_of(&output);
    for line in [
        "query 1: submitted as ",
        "query 1: attempt 1 failed: ",
        "; again in 0 s",
        " (attempt 2)",
        "query 1: done in ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("finished"));
    Ok(())
}

#[tokio::test]
async fn a_chain_with_faults_runs_nothing_and_names_all_of_them() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (sql, sequence) = failing(&world, 0, "unused").await?;
    let mut negative = brisk("SELECT 1");
    negative["BaseWaitTime"] = json!(-1);
    let mut pattern = brisk("SELECT 1");
    pattern["RetryErrorMatch"] = json!("a(b");
    let output = run(
        &world,
        &json!([brisk(&sql), negative, pattern, {"Sql": "x"}]),
        &[],
    )?;
    assert_eq!(output.status.code(), Some(1));
    let told = error_of(&output);
    let expected = "nothing was run: query 2, BaseWaitTime: must be a whole number of seconds from 0 to 86400\
        ; query 3, RetryErrorMatch: character 2: ( is never closed\
        ; query 4, Sql: is not a field of a query\
        ; query 4: there is no ExecuteStatementParameters, so there is no SQL";
    assert!(told.contains(expected), "{told}");
    assert_eq!(tries(&world, &sequence).await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_chain_is_refused_with_its_place() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let twice = "[{\n \"ExecuteStatementParameters\": \"a\",\n \"ExecuteStatementParameters\": \"b\"\n}]";
    for (text, expected) in [
        ("[\n  \"SELECT 1\",\n]", "at line 3 column 1"),
        (
            twice,
            "ExecuteStatementParameters is there twice in one object at line 3",
        ),
    ] {
        let chain = file(text)?;
        let output = command(&world, &chain, &[])?.output()?;
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(error_of(&output).contains(expected), "{}", error_of(&output));
    }
    let chain = file("[\"SELECT 1\"]")?;
    let output = command(&world, &chain, &["--from", "2"])?.output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error_of(&output).contains("the chain has the queries 1 to 1"),
        "{}",
        error_of(&output)
    );
    Ok(())
}

#[tokio::test]
async fn a_chain_that_stopped_goes_on_where_it_stopped() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (first, sequence) = failing(&world, 0, "unused").await?;
    let table = format!("late_{}", unique());
    let mut second = brisk(&format!("SELECT * FROM {table}"));
    second["RetryErrorMatch"] = json!("deadlock");
    let chain = json!([brisk(&first), second]);
    let output = run(&world, &chain, &["--json"])?;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json_of(&output)?.as_array().map(Vec::len), Some(1));
    let told = error_of(&output);
    assert!(
        told.contains("query 2 of 2 failed with an error that is not one to retry (attempt 1, statement "),
        "{told}"
    );
    assert!(
        told.contains("once that is mended, go on with --from 2"),
        "{told}"
    );

    world.query(&format!("CREATE TABLE {table} (id integer)")).await?;
    let output = run(&world, &chain, &["--json", "--from", "2"])?;
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    assert_eq!(json_of(&output)?[0]["Query"], 2);
    assert_eq!(tries(&world, &sequence).await?, "1");
    Ok(())
}

/// Waits until a chain's statement is under way, and gives its id. Its name begins with the run's, which `--watch` does not tell;
/// its id it does.
fn submitted(child: &mut Child) -> anyhow::Result<String> {
    use std::io::BufRead;
    let stderr = child.stderr.as_mut().context("a pipe")?;
    for line in std::io::BufReader::new(stderr).lines() {
        if let Some((_, id)) = line?.split_once("submitted as ") {
            return Ok(id.to_owned());
        }
    }
    bail!("the chain submitted nothing")
}

#[tokio::test]
async fn ctrl_c_cancels_the_statement_that_runs_and_begins_no_other() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (after, sequence) = failing(&world, 0, "unused").await?;
    let chain = file(&json!([brisk("SELECT pg_sleep(600)"), brisk(&after)]).to_string())?;
    let mut child = command(&world, &chain, &["--watch"])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = submitted(&mut child)?;
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    assert!(interrupted.success());
    let started = Instant::now();
    let status = child.wait()?;
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(status.code(), Some(2));
    let seen = world.warehouse.describe_statement().id(&id).send().await?;
    assert_eq!(seen.status(), Some(&StatusString::Aborted));
    assert_eq!(tries(&world, &sequence).await?, "0");
    Ok(())
}

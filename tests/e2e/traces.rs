//! One id from the event that announces a file to the end of its follow-up: in the ledger, in the logs of every function that
//! has to do with it, in the names of its statements, and in what people are told.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::support::{Load, PATIENCE, Stack, Story, World};

const PROCESS: &str = "external-file-process";
const LOGGING: &str = "external-file-process-logging";
const RECONCILE: &str = "external-file-reconcile";

/// A stack of its own: whatever its functions log is about the files of one test.
async fn own_world() -> anyhow::Result<World> {
    World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await
}

/// The lines of a function's log, each with the fields of its span beside its own. Metrics are no lines about anything.
fn lines(world: &World, function: &str) -> anyhow::Result<Vec<Value>> {
    let log = world.stack.local.function_log(function)?;
    let parsed = log.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).with_context(|| format!("{line} is no JSON"))?;
        if let Some(Value::Object(span)) = line.get_mut("span").map(Value::take) {
            line.as_object_mut().context("an object")?.extend(span);
        }
        Ok(line)
    });
    let parsed: anyhow::Result<Vec<Value>> = parsed.collect();
    Ok(parsed?
        .into_iter()
        .filter(|line| line.get("_aws").is_none())
        .collect())
}

/// That every line has the load and its trace, and that lines with these words come in this order.
#[track_caller]
fn assert_traced(lines: &[Value], load: &Load, words: &[&str]) {
    let shown = format!("{:#}", Value::from(lines.to_vec()));
    for line in lines {
        assert_eq!(line["trace.id"].as_str(), load.text("trace_id"), "{line}");
        assert_eq!(line["load.id"], load.id(), "{line}");
        assert!(line["request.id"].is_string(), "{line}");
    }
    let mut messages = lines.iter().filter_map(|line| line["message"].as_str());
    for word in words {
        assert!(
            messages.any(|message| message.contains(word)),
            "no {word:?} in {shown}"
        );
    }
}

async fn statement_names(world: &World, load: &Load) -> anyhow::Result<Vec<String>> {
    let rows = world
        .control
        .query(
            "SELECT statement_name FROM rdscnfg.ext_statement WHERE load_id::text = $1 ORDER BY recorded_at",
            &[&load.id()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whether the id was made here, of the load's own, and not by Lambda.
fn is_made_here(load: &Load) -> bool {
    let unique: String = load.id().replace('-', "").chars().take(24).collect();
    load.text("trace_id")
        .is_some_and(|trace| trace.ends_with(&unique))
}

/// Lets the function that is invoked every minute work until a key's loads are settled.
async fn reconcile_until_settled(world: &World, key: &str) -> anyhow::Result<Story> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        if !loads.is_empty() && loads.iter().all(Load::is_settled) {
            return world.story(key).await;
        }
        ensure!(Instant::now() < deadline, "{}", world.tell(key).await?);
        world.invoke(RECONCILE, &json!({ "idle_seconds": 0 })).await?;
    }
}

#[tokio::test]
async fn one_trace_id_is_in_every_line_from_the_event_to_the_follow_up() -> anyhow::Result<()> {
    let world = own_world().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let query = format!("UPDATE {} SET name = 'followed'", feed.table);
    world
        .control
        .execute(
            "UPDATE rdscnfg.ext_file_config SET query = $1",
            &[&json!([query, "SELECT 1"]).to_string()],
        )
        .await?;
    let story = world.land(&feed.file_name(), "1|a\nTRL|00000001\n").await?;
    story.assert_loaded(1);
    let load = &story.load;
    let trace = load.text("trace_id").context("a trace")?;
    assert!(!is_made_here(load), "Lambda's own is taken: {trace}");

    assert_traced(
        &lines(&world, PROCESS)?,
        load,
        &["prepared", "submitted attempt 1", "processed"],
    );
    assert_traced(
        &lines(&world, LOGGING)?,
        load,
        &[
            "archived",
            "(follow_up)",
            "told",
            "(follow_up)",
            "the follow-up of",
        ],
    );
    assert_eq!(story.message()["trace_id"], trace);
    let names = statement_names(&world, load).await?;
    assert_eq!(names.len(), 3, "the load and two steps: {names:?}");
    assert!(
        names.iter().all(|name| name.ends_with(&format!("/{trace}"))),
        "{names:?}"
    );
    let shown = world
        .stack
        .local
        .command(&["load", "show", load.id()])?
        .output()?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(trace), "{shown}");
    Ok(())
}

#[tokio::test]
async fn what_the_reconciler_carries_on_keeps_its_trace_id() -> anyhow::Result<()> {
    let world = own_world().await?;
    world
        .set_faults(&json!({ "rules": [{ "service": "events", "operation": "Deliver", "fault": "drop" }] }))
        .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let story = reconcile_until_settled(&world, &key).await?;
    story.assert_loaded(1);

    assert_traced(
        &lines(&world, PROCESS)?,
        &story.load,
        &["submitted attempt 1", "processed"],
    );
    let about_it: Vec<Value> = lines(&world, RECONCILE)?
        .into_iter()
        .filter(|line| line.to_string().contains(story.load.id()))
        .collect();
    assert_traced(&about_it, &story.load, &["archived", "told"]);
    assert!(
        !is_made_here(&story.load),
        "the id is that of the first invocation"
    );
    Ok(())
}

#[tokio::test]
async fn a_refused_file_and_one_that_cannot_go_on_are_traced_too() -> anyhow::Result<()> {
    let world = own_world().await?;
    let refused = world.land("NOBODY_KNOWS_ME.txt", "1\n").await?;
    assert_traced(
        &lines(&world, PROCESS)?,
        &refused.load,
        &["rejected", "told", "processed"],
    );
    assert_eq!(
        refused.message()["trace_id"].as_str(),
        refused.load.text("trace_id")
    );

    let before = lines(&world, PROCESS)?.len();
    world
        .set_faults(&json!({ "rules": [
            { "service": "s3", "operation": "PutObject", "match": { "function": PROCESS }, "times": 1,
              "fault": { "refuse": { "code": "AccessDenied", "status": 403 } } }
        ] }))
        .await?;
    let feed = world.feed().create().await?;
    let story = world.land(&feed.file_name(), "1|a\n").await?;
    let mut later = lines(&world, PROCESS)?.split_off(before);
    // How an invocation ended, we and Lambda's runtime say of that, since it may have had several files.
    later.retain(|line| line["name"].is_string() && line["name"] != "invocation");
    assert_traced(&later, &story.load, &["could not process", "processed"]);
    Ok(())
}

#[tokio::test]
async fn parts_are_followed_with_their_file() -> anyhow::Result<()> {
    let world = own_world().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    for prefix in ["HD", "DT"] {
        feed.part(prefix)
            .columns(["kind char(2)", "id integer"])
            .create()
            .await?;
    }
    let story = world.land(&feed.file_name(), "HD|1\nDT|2\n").await?;
    let traces: Vec<_> = story
        .parts
        .iter()
        .map(|part| part.load.text("trace_id"))
        .collect();
    assert_eq!(traces, [story.load.text("trace_id"); 2]);
    for part in &story.parts {
        let about_it: Vec<Value> = lines(&world, LOGGING)?
            .into_iter()
            .filter(|line| line.to_string().contains(part.load.id()))
            .collect();
        assert_traced(&about_it, &part.load, &["loaded", "told"]);
    }
    Ok(())
}

//! The SQL that runs after a load.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::support::{Feed, PATIENCE, Story, World};

#[tokio::test]
async fn the_follow_up_runs_after_the_load_and_is_audited() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let query = format!("UPDATE {} SET name = 'followed ' || name", feed.table);
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET query = $${query}$$ WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&sql).await?;

    let story = feed.land("1|a\n").await?;

    story.assert_loaded(1);
    let audit = story.audit_row();
    assert_eq!(audit["merge_query"], query, "{story}");
    assert_eq!(audit["followup_status"], "FINISHED", "{story}");
    assert!(!audit["followup_duration_ms"].is_null(), "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|followed a"]);
    Ok(())
}

#[tokio::test]
async fn a_follow_up_that_fails_is_told_and_the_rows_stay() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let query = "call rdsftorchestration.execute_sql_from_table('rdsftcore', 'nobody_knows_this', \
                 '2020-01-01 00:00:00', '2100-01-01 00:00:00');";
    let feed = world.feed().set("query", query).create().await?;

    let story = feed.land("1|a\n").await?;

    assert_eq!(story.state(), "transform_failed", "{story}");
    let audit = story.audit_row();
    assert_eq!(audit["file_process_status"], "FINISHED", "{story}");
    assert_eq!(audit["followup_status"], "FAILED", "{story}");
    let error = audit["followup_error"].as_str().unwrap_or_default();
    assert!(error.contains("nobody_knows_this"), "{error}: {story}");
    let told: Vec<_> = story
        .messages
        .iter()
        .map(|message| message["status"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(told, ["loaded", "follow_up_failed"], "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    story.assert_archived(&world, &feed.token, b"1|a\n").await
}

#[tokio::test]
async fn a_follow_up_of_several_statements_runs_them_in_order_and_audits_each() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let update = |what: &str| format!("UPDATE {} SET name = {what}", feed.table);
    let steps = json!([
        update("'one ' || name"),
        { "ExecuteStatementParameters": { "Sql": update("'two ' || name") } },
    ]);
    follow(&world, &feed, &steps.to_string()).await?;

    let story = feed.land("1|a\n").await?;

    story.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|two one a"]);
    let audit = story.audit_row();
    assert_eq!(audit["followup_status"], "FINISHED", "{story}");
    assert_eq!(
        facts(&audit["followup_steps"]),
        [json!([1, "finished", 1, 1]), json!([2, "finished", 1, 1])]
    );
    let load = audit["load_id"].as_str().unwrap_or_default();
    let shown = world.longshore(&["load", "show", load])?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("steps of the follow-up"), "{shown}");
    assert!(shown.contains("follow_up step 2"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_step_that_fails_ends_the_follow_up_and_is_named() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let steps = json!([
        format!("UPDATE {} SET name = 'one'", feed.table),
        "DELETE FROM rdsftetl.nobody_knows_this",
        format!("UPDATE {} SET name = 'three'", feed.table),
    ]);
    follow(&world, &feed, &steps.to_string()).await?;

    let story = feed.land("1|a\n").await?;

    assert_eq!(story.state(), "transform_failed", "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|one"]);
    let audit = story.audit_row();
    let error = audit["followup_error"].as_str().unwrap_or_default();
    assert!(error.starts_with("step 2 of 3: "), "{error}: {story}");
    assert!(error.contains("nobody_knows_this"), "{error}: {story}");
    assert_eq!(
        facts(&audit["followup_steps"]),
        [
            json!([1, "finished", 1, 1]),
            json!([2, "failed", 1, null]),
            json!([3, null, 0, null])
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_step_that_is_to_be_retried_waits_and_goes_on_from_there() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let late = format!("{}_late", feed.table);
    let steps = json!([
        format!("UPDATE {} SET name = name || '!'", feed.table),
        { "ExecuteStatementParameters": format!("INSERT INTO {late} SELECT id FROM {}", feed.table),
          "MaxRetries": 100, "BaseWaitTime": 0, "MaxWait": 1, "RetryErrorMatch": "does not exist" },
    ]);
    follow(&world, &feed, &steps.to_string()).await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    has_waited(&world, &key).await?;
    let loads = world.loads_of(&key).await?;
    assert_eq!(loads[0].text("waits_for"), None, "the warehouse is not to blame");
    world.query(&format!("CREATE TABLE {late} (id integer)")).await?;

    let stories = world.reconcile_until_settled(&key, 1).await?;

    assert_eq!(stories[0].state(), "complete", "{}", stories[0]);
    assert_eq!(feed.lines("id, name").await?, ["1|a!"]);
    let rows = world.query(&format!("SELECT id FROM {late}")).await?;
    assert_eq!(rows.len(), 1);
    let audit = stories[0].audit_row();
    let steps = facts(&audit["followup_steps"]);
    assert_eq!(steps[0], json!([1, "finished", 1, 1]));
    assert!(steps[1][2].as_u64().unwrap_or_default() > 1, "{steps:?}");
    Ok(())
}

#[tokio::test]
async fn a_chain_is_written_by_a_command_and_run_by_its_name() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let name = format!("chain_{}", feed.rule);
    let file = tempfile::NamedTempFile::new()?;
    let chain = json!([format!("UPDATE {} SET name = 'by name'", feed.table), "SELECT 1"]);
    std::fs::write(file.path(), chain.to_string())?;
    let path = file.path().to_string_lossy().into_owned();
    let apply = [
        "chain",
        "apply",
        &name,
        &path,
        "--why",
        "the month's end",
        "--as",
        "ann",
    ];
    let rehearsed = world.longshore(&apply)?;
    assert!(rehearsed.status.success());
    assert_eq!(world.longshore(&["chain", "show", &name])?.status.code(), Some(1));
    assert!(
        world
            .longshore(&[&apply[..], &["--yes"]].concat())?
            .status
            .success()
    );
    let shown = world.longshore(&["chain", "show", &name])?;
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout)?, chain);
    let listed = world.longshore(&["chain", "list"])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let of_chain = listed
        .lines()
        .find(|line| line.contains(&name))
        .unwrap_or_default();
    assert!(
        of_chain.contains("ann") && of_chain.contains("the month's end"),
        "{listed}"
    );
    follow(&world, &feed, &format!("chain:{name}")).await?;

    let story = feed.land("1|a\n").await?;

    story.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|by name"]);
    assert_eq!(facts(&story.audit_row()["followup_steps"]).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_follow_up_that_cannot_run_is_a_fault_with_its_place() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let rule = feed.rule.to_string();
    for (query, problem) in [
        (
            r#"["SELECT 1", {"MaxRetries": 1}]"#,
            "query 2: there is no ExecuteStatementParameters",
        ),
        ("[\"SELECT 1\",\n]", "line 2 column 1"),
        (
            "chain:nobody_knows_this",
            "there is no chain \"nobody_knows_this\"",
        ),
    ] {
        follow(&world, &feed, query).await?;
        let output = world.longshore(&["rule", "lint", &rule, "--json"])?;
        assert_eq!(output.status.code(), Some(1), "{query}");
        let faults: Value = serde_json::from_slice(&output.stdout)?;
        let said = faults["faults"][0]["faults"].to_string().replace('\\', "");
        assert!(said.contains(problem), "{query}: {said}");
    }
    let story = feed.land("1|a\n").await?;
    assert_eq!(story.state(), "rejected", "{story}");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        r#"["SELECT 1", {"ExecuteStatementParameters": "SELECT 1", "MaxWait": -1}]"#,
    )?;
    let path = file.path().to_string_lossy().into_owned();
    let refused = world.longshore(&[
        "chain", "apply", "never", &path, "--why", "a test", "--as", "ann", "--yes",
    ])?;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("query 2, MaxWait: must be a whole number of seconds"),
        "{said}"
    );
    follow(&world, &feed, "SELECT 1").await
}

/// A load whose second step of three fails, for want of a table. The steps leave an exclamation mark, and rows of two more.
async fn failed_at_its_second_step(world: &World, feed: &Feed<'_>) -> anyhow::Result<(Story, String)> {
    let late = format!("{}_late", feed.table);
    let steps = json!([
        format!("UPDATE {} SET name = name || '!'", feed.table),
        format!("INSERT INTO {late} SELECT id FROM {}", feed.table),
        format!("INSERT INTO {late} SELECT id + 100 FROM {}", feed.table),
    ]);
    follow(world, feed, &steps.to_string()).await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let mut stories = world.reconcile_until_settled(&key, 1).await?;
    let story = stories.pop().context("a load")?;
    assert_eq!(story.state(), "transform_failed", "{story}");
    Ok((story, late))
}

fn again(world: &World, load: &str, more: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let fixed = [
        "load",
        "follow-up",
        load,
        "--why",
        "the table is there now",
        "--as",
        "ann",
    ];
    let said = world.longshore(&[&fixed[..], more].concat())?;
    let text = [said.stdout, said.stderr].concat();
    Ok((said.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

#[tokio::test]
async fn a_follow_up_that_failed_is_run_again_from_the_step_that_failed() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let (story, late) = failed_at_its_second_step(&world, &feed).await?;
    let id = story.load.id();
    let (code, said) = again(&world, id, &[])?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("from step 2 on"), "{said}");
    assert_eq!(
        world.story(story.key()).await?.state(),
        "transform_failed",
        "it was not meant yet"
    );

    // Not mended yet: it fails as it did, and may be run once more.
    assert_eq!(again(&world, id, &["--yes"])?.0, Some(0));
    let failed = world.reconcile_until_settled(story.key(), 1).await?;
    assert_eq!(failed[0].state(), "transform_failed", "{}", failed[0]);

    world.query(&format!("CREATE TABLE {late} (id integer)")).await?;
    assert_eq!(again(&world, id, &["--yes"])?.0, Some(0));
    let done = world.reconcile_until_settled(story.key(), 1).await?;
    assert_eq!(done[0].state(), "complete", "{}", done[0]);
    assert_eq!(feed.lines("id, name").await?, ["1|a!"], "the first step ran once");
    let rows = world.query(&format!("SELECT id FROM {late} ORDER BY id")).await?;
    assert_eq!(rows.len(), 2, "the third step ran too");
    let audit = done[0].audit_row();
    assert_eq!(audit["followup_status"], "FINISHED", "{}", done[0]);
    assert!(audit["followup_error"].is_null(), "{}", done[0]);
    let shown = world.longshore(&["load", "show", id])?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("follow_up") && shown.contains("the table is there now"),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn a_follow_up_is_run_again_from_the_step_that_is_named() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let (story, late) = failed_at_its_second_step(&world, &feed).await?;
    let (code, said) = again(&world, story.load.id(), &["--from", "4", "--yes"])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no step 4; it has 3"), "{said}");
    world.query(&format!("CREATE TABLE {late} (id integer)")).await?;
    // Of two at once one puts its try on record.
    let both = [1, 2].map(|_| again(&world, story.load.id(), &["--from", "1", "--yes"]));
    let codes: Vec<_> = both
        .into_iter()
        .map(|said| said.map(|(code, _)| code))
        .collect::<Result<_, _>>()?;
    assert_eq!(codes, [Some(0), Some(1)]);
    let done = world.reconcile_until_settled(story.key(), 1).await?;
    assert_eq!(done[0].state(), "complete", "{}", done[0]);
    assert_eq!(
        feed.lines("id, name").await?,
        ["1|a!!"],
        "the first step ran again"
    );
    Ok(())
}

#[tokio::test]
async fn the_follow_up_of_a_batch_is_run_again_for_all_its_files() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world
        .feed()
        .set("batch_files", "2")
        .set("file_name_column", "")
        .create()
        .await?;
    let late = format!("{}_late", feed.table);
    follow(
        &world,
        &feed,
        &format!("INSERT INTO {late} SELECT id FROM {}", feed.table),
    )
    .await?;
    let keys = [feed.file_name(), feed.file_name()].map(|name| world.input_key(&name));
    for (number, key) in keys.iter().enumerate() {
        world.put(key, format!("{number}|a\n")).await?;
    }
    let stories = world.reconcile_until_settled(&keys[0], 1).await?;
    let story = &stories[0];
    assert_eq!(story.state(), "transform_failed", "{story}");
    let batch = story.load.text("batch_id").context("a batch")?.to_owned();
    let (code, said) = again(&world, story.load.id(), &["--yes"])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("longshore load follow-up {batch}")),
        "{said}"
    );

    world.query(&format!("CREATE TABLE {late} (id integer)")).await?;
    assert_eq!(again(&world, &batch, &["--yes"])?.0, Some(0));
    for key in &keys {
        let done = world.reconcile_until_settled(key, 1).await?;
        assert_eq!(done[0].state(), "complete", "{}", done[0]);
        assert_eq!(done[0].audit_row()["followup_status"], "FINISHED", "{}", done[0]);
    }
    assert_eq!(world.query(&format!("SELECT id FROM {late}")).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_follow_up_that_did_not_fail_is_not_run_again() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let story = world.land(&feed.file_name(), "1|a\n").await?;
    let (code, said) = again(&world, story.load.id(), &["--yes"])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("its follow-up is done, or it has none"), "{said}");
    Ok(())
}

/// The follow-up of the feed's rule.
async fn follow(world: &World, feed: &Feed<'_>, query: &str) -> anyhow::Result<()> {
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET query = $${query}$$ WHERE ext_file_config_sid = {}",
        feed.rule
    );
    Ok(world.control.batch_execute(&sql).await?)
}

/// Step, state, tries and rows.
fn facts(steps: &Value) -> Vec<Value> {
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    let fact = |step: &Value| json!([step["step"], step["state"], step["attempts"], step["rows"]]);
    steps.iter().map(fact).collect()
}

/// Until the follow-up of a file failed once and waits.
async fn has_waited(world: &World, key: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        if loads
            .iter()
            .any(|load| load.state() == "transforming" && !load.value("due_at").is_null())
        {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "no follow-up of {key} waits: {loads:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! The SQL that runs after a load.

use crate::support::World;

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

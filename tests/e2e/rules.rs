//! Rules at fault: the file is as good as it was and stays where it is.

use crate::support::{RuleBuilder, World};

/// Lands a file under a rule that makes no sense: all of `says` is said at once, and the file stays.
async fn finds_fault(world: &World, rule: RuleBuilder<'_>, says: &[&str]) -> anyhow::Result<()> {
    let feed = rule.create().await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused("rule_invalid", says);
    story.assert_stays(world).await
}

#[tokio::test]
async fn a_rule_with_several_faults_names_all_of_them_at_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world
        .feed()
        .set("file_format", "papyrus")
        .set("header_flag", "maybe")
        .set("trailer_flag", "Y")
        .set("encoding", "EBCDIC")
        .set("compression", "arj");
    finds_fault(
        &world,
        rule,
        &[
            "5 faults",
            "file_format: \"papyrus\"",
            "header_flag: \"maybe\"",
            "trailer_pstn: is not set",
            "encoding: \"EBCDIC\"",
            "compression: \"arj\"",
        ],
    )
    .await
}

#[tokio::test]
async fn a_trailer_without_its_position_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    finds_fault(
        &world,
        world.feed().set("trailer_flag", "Y"),
        &["trailer_pstn: is not set"],
    )
    .await
}

#[tokio::test]
async fn a_split_without_prefixes_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    finds_fault(
        &world,
        world.feed().set("split_file_flag", "Y"),
        &["split_prefix: is not set"],
    )
    .await
}

#[tokio::test]
async fn copy_options_that_redshift_refuses_are_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world
        .feed()
        .set("copy_options", "MAXERROR 10 NOLOAD DELIMITER ','");
    finds_fault(&world, rule, &["copy_options"]).await
}

#[tokio::test]
async fn two_rules_that_match_equally_are_both_named() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let first = world.feed().create().await?;
    let second = first.another_rule().create().await?;
    let story = first.land("1|a\n").await?;
    story.assert_refused(
        "rule_ambiguous",
        &[&first.rule.to_string(), &second.rule.to_string()],
    );
    story.assert_stays(&world).await
}

#[tokio::test]
async fn a_file_that_no_rule_knows_is_put_aside_and_told() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let story = world.land("NOTES_of_nobody.txt", "hello\n").await?;
    story.assert_refused("no_rule", &["\"nobody\"", "longshore rule explain"]);
    story.assert_archived(&world, "error", b"hello\n").await
}

#[tokio::test]
async fn once_the_rule_is_mended_the_file_is_loaded_when_it_is_announced_again() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("trailer_flag", "Y").create().await?;
    let story = feed.land("1|a\nTRL 00000001").await?;
    story.assert_refused("rule_invalid", &["trailer_pstn"]);
    let mend = format!(
        "UPDATE rdscnfg.ext_file_config SET trailer_pstn = '5:13' WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&mend).await?;

    world.put(story.key(), "1|a\nTRL 00000001").await?;

    let stories = world.stories(story.key(), 2).await?;
    stories[1].assert_loaded(1);
    Ok(())
}

//! Where files are once everything about them is done.

use crate::support::World;

#[tokio::test]
async fn a_file_stays_where_it_landed_where_the_rule_says_so_and_is_loaded_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("archive_flag", "N").create().await?;

    let story = feed.land("1|a\n").await?;
    story.assert_loaded(1);
    story.assert_stays(&world).await?;
    assert!(story.message()["archived_key"].is_null(), "{story}");

    // A listing of the bucket finds it, and knows it.
    let listed = world.longshore(&["reconcile", "--idle", "0"])?;
    assert!(listed.status.success(), "{listed:?}");
    let again = world.story(story.key()).await?;
    again.assert_loaded(1);
    again.assert_stays(&world).await
}

#[tokio::test]
async fn a_refused_and_a_failed_file_stay_where_the_rule_says_so() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("archive_flag", "N")
        .trailer("1:4")
        .create()
        .await?;
    let refused = feed.land("1|a\n009\n").await?;
    refused.assert_refused("trailer_count_mismatch", &[]);
    refused.assert_stays(&world).await?;

    let failed = feed.land("no number|a\n001\n").await?;
    assert_eq!(failed.state(), "failed", "{failed}");
    failed.assert_stays(&world).await?;
    let work = format!("{}/{}/", world.ready().processing_folder, failed.load.id());
    assert!(
        world.keys_in(&work).await?.is_empty(),
        "the prepared copy is ours"
    );
    Ok(())
}

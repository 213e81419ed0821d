//! Whom the outcomes of a rule's files are told to.

use longshore_domain::load::LoadState;

use crate::support::bench::Bench;
use crate::support::rules::Rule;

const PLAIN: Rule = Rule::new(1, "701", "price");
const OWN: &str = "success_topic_arn = 'arn:aws:sns:ap-south-1:1:prices',
    failure_topic_arn = 'arn:aws:sns:ap-south-1:1:prices-failed'";

#[tokio::test]
async fn a_rules_own_topics_are_told_of_its_files() {
    let bench = Bench::with(&[PLAIN.with(OWN)]).await;
    let world = bench.world();
    let good = world.land("in/plain_701.txt", "plum|1\n");
    assert_eq!(world.load(&good).await.state, LoadState::Complete);
    let bad = world.land("in/plain_701.csv", "plum|1\n");
    assert_eq!(world.load(&bad).await.state, LoadState::Rejected);
    assert_eq!(world.topic.told(), ["loaded", "rejected"]);
    assert_eq!(world.topic.topics(), ["prices", "prices-failed"]);
}

#[tokio::test]
async fn the_deployments_topic_is_told_of_files_without_a_rule_and_of_a_rule_whose_topic_is_none() {
    let bench = Bench::with(&[PLAIN.with("failure_topic_arn = 'prices-failed'")]).await;
    let world = bench.world();
    for key in ["in/plain_702.txt", "in/plain_701.txt"] {
        let object = world.land(key, "plum|1\n");
        assert_eq!(world.load(&object).await.state, LoadState::Rejected);
    }
    assert_eq!(world.topic.topics(), ["files", "files"]);
    let told = world.topic.messages();
    let why = &told[1].default;
    assert!(
        why.contains("failure_topic_arn") && why.contains("is no topic"),
        "{why}"
    );
}

#[tokio::test]
async fn a_topic_that_is_named_after_the_file_arrived_counts_once_the_outcome_is_known() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    bench
        .run("UPDATE rdscnfg.ext_file_config SET success_topic_arn = 'arn:aws:sns:ap-south-1:1:late', oprtnl_flag = 'I'")
        .await;
    assert_eq!(world.load(&object).await.state, LoadState::Complete);
    assert_eq!(world.topic.topics(), ["late"]);
}

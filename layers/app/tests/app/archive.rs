//! Where files lie when they are done with.

use chrono::TimeDelta;
use longshore_app::AppError;
use longshore_domain::load::LoadState;

use crate::support::bench::Bench;
use crate::support::files::Stored;
use crate::support::rules::Rule;
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price");
const KEY: &str = "archive/700/plain_701.txt_2026-11-21-12-00-00";

fn text_at(world: &World, key: &str) -> String {
    let file = world.files.get(key).unwrap();
    String::from_utf8(file.bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_archived_file_is_never_overwritten() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    world.files.put(KEY, Stored::new("somebody else's"));
    for text in ["plum|1\n", "fig|2\n"] {
        let object = world.land("in/plain_701.txt", text);
        assert_eq!(world.load(&object).await.state, LoadState::Complete);
    }
    assert_eq!(text_at(&world, KEY), "somebody else's");
    assert_eq!(text_at(&world, &format!("{KEY}_1")), "plum|1\n");
    assert_eq!(text_at(&world, &format!("{KEY}_2")), "fig|2\n");
    assert_eq!(world.files.keys_in("in"), Vec::<String>::new());
}

#[tokio::test]
async fn the_ledger_says_where_the_file_lies_after_a_collision() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    world.files.put(KEY, Stored::new("somebody else's"));
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let load = world.load(&object).await;
    let archived = load.archived_key.unwrap().to_string();
    assert_eq!(archived, format!("{KEY}_1"));
    let message = world.topic.messages().remove(0);
    assert!(message.default.contains(&archived), "{}", message.default);
}

#[tokio::test]
async fn a_file_that_is_gone_has_no_archive_key_anywhere() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.files.remove("in/plain_701.txt");
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.archived_key, None);
    let sql = "SELECT archived_key FROM rdscnfg.ext_file_audit";
    let audit = bench.client.query_one(sql, &[]).await.unwrap();
    assert_eq!(audit.get::<_, Option<String>>(0), None);
}

#[tokio::test]
async fn the_longest_key_that_s3_takes_is_archived_under_one_that_it_takes() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let key = format!("{}_701.txt", "x".repeat(1_016));
    assert_eq!(key.len(), 1_024);
    let object = world.land(&key, "plum|1\n");
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Complete);
    let archived = load.archived_key.unwrap().to_string();
    assert!(archived.len() <= 1_024, "{} bytes", archived.len());
    assert!(archived.ends_with("x_701.txt_2026-11-21-12-00-00"), "{archived}");
    assert!(world.files.get(&archived).is_some());
}

/// Killed in the middle of it, an invocation would keep its lease, and leave the parts of the copy.
#[tokio::test]
async fn a_copy_that_takes_too_long_is_given_up_in_good_order_and_made_by_the_next_invocation() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    let statement = world.warehouse.handed().remove(0);
    world.pace.stall_copies(true);
    let hurried = world.deliver_within(&statement, "hurried", TimeDelta::seconds(16));
    let error = hurried.await.failed();
    assert!(matches!(error, AppError::OutOfTime { .. }), "{error}");
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.lease), (LoadState::Loaded, None));

    world.pace.stall_copies(false);
    world.deliver(&statement, "again").await.done();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert!(world.files.get(KEY).is_some());
}

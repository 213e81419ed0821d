//! Files for several warehouses, where two work at once, or nobody does.

use chrono::TimeDelta;
use futures_util::future::join;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::target::Login;
use longshore_store::{Announced, ChildOf, Lease, LeaseStep, NewChild};

use crate::support::bench::Bench;
use crate::support::by_hand::skip;
use crate::support::rules::Rule;
use crate::support::world::World;

const TARGET: &str = "INSERT INTO rdscnfg.ext_target
        (ext_target_sid, target_name, cluster_identifier, database_name, iam_role, region)
    VALUES (1, 'mart', 'model', 'mart', 'default', 'ap-south-1')";
const BOTH: Rule = Rule::new(1, "701", "price").with("further_targets = 'mart=s.head'");

async fn bench() -> Bench {
    let bench = Bench::with(&[BOTH]).await;
    bench.run(TARGET).await;
    bench
}

/// Where the files of a world lie.
fn keys(world: &World) -> Vec<String> {
    world.files.all().into_keys().collect()
}

#[tokio::test]
async fn two_deliveries_that_end_at_once_put_the_file_away_once() {
    let bench = bench().await;
    for run in 0..10 {
        bench.run("DELETE FROM rdscnfg.ext_marker_table").await;
        let world = bench.world();
        let object = world.land(&format!("in/{run}_701.txt"), "plum|1\n");
        world.announce(&object, "prepare").await.done();
        let handed = world.warehouse.handed();
        assert_eq!(handed.len(), 2);
        let (one, other) = join(
            world.deliver(&handed[0], "finish one"),
            world.deliver(&handed[1], "finish other"),
        )
        .await;
        one.done();
        other.done();
        let file = world.load_of(&object).await;
        assert_eq!(file.state, LoadState::Complete, "run {run}");
        let keys = keys(&world);
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert!(keys[0].starts_with("archive/700/"), "{keys:?}");
    }
}

#[tokio::test]
async fn a_file_of_which_no_event_arrives_is_carried_to_its_end() {
    let bench = bench().await;
    let world = bench.world();
    let object = world.land("in/quiet_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    for _ in 0..4 {
        world.pass_time_quietly(TimeDelta::minutes(16)).await;
    }
    assert!(world.is_done(&object).await);
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["plum|1"]);
}

/// Whoever put the delivery on the ledger died before the file was on record as being delivered.
#[tokio::test]
async fn a_delivery_that_a_dead_try_left_ends_where_the_rule_has_one_warehouse_by_now() {
    let bench = bench().await;
    let world = bench.world();
    let object = world.land("in/left_701.txt", "plum|1\n");
    let lease = Lease {
        owner: "dead".to_owned(),
        step: LeaseStep::Prepare,
        until: world.clock.reads() + TimeDelta::minutes(1),
    };
    let store = &world.app.store;
    let now = world.clock.reads();
    store
        .claim_load(&object, &Announced::default(), &lease, now)
        .await
        .unwrap();
    let file = LoadId::of(&object);
    let left = NewChild {
        id: file.delivery("mart"),
        what: ChildOf::Target("mart".to_owned()),
        object: object.clone(),
        file_name: "left_701.txt".to_owned(),
        rows_expected: Some(1),
    };
    store.claim_child(file, &left, &lease, now).await.unwrap();
    bench
        .run("UPDATE rdscnfg.ext_file_config SET further_targets = NULL")
        .await;

    world.clock.advance(TimeDelta::minutes(2));
    world.load(&object).await;
    for _ in 0..2 {
        world.pass_time(TimeDelta::minutes(16)).await;
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    let left = store.load(left.id).await.unwrap().unwrap();
    assert_eq!(left.state, LoadState::Skipped);
    assert!(world.is_done(&object).await);
    assert_eq!(world.warehouse.rows(r#""s"."head""#), Vec::<String>::new());
    assert_eq!(keys(&world).len(), 1);
}

/// A delivery goes where the file was to go when it was prepared.
#[tokio::test]
async fn a_target_that_is_switched_off_gets_what_was_under_way_to_it() {
    let bench = bench().await;
    let world = bench.world();
    let object = world.land("in/off_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    bench.run("UPDATE rdscnfg.ext_target SET oprtnl_flag = 'I'").await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["plum|1"]);

    let late = world.land("in/late_701.txt", "fig|2\n");
    world.announce(&late, "prepare late").await.done();
    let late = world.load_of(&late).await;
    assert_eq!(late.error_code.as_deref(), Some("rule_invalid"));
    assert!(
        late.error
            .unwrap_or_default()
            .contains("target mart is switched off")
    );
}

/// One cluster, and a second login that may not come in: it says nothing about the first.
#[tokio::test]
async fn a_target_with_a_bad_secret_pauses_nobody_elses_loads() {
    const PLAIN: Rule = Rule::new(2, "702", "price");
    let bench = Bench::with(&[BOTH, PLAIN]).await;
    let world = bench.world();
    let own = world.app.config.warehouse.to_string();
    let login = Login::Secret("arn:aws:secretsmanager:ap-south-1:1:secret:lost".to_owned());
    bench
        .run(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
             VALUES (1, 'mart', 'model', 'world_0', 'arn:aws:secretsmanager:ap-south-1:1:secret:lost', 'default',
                     'ap-south-1')",
        )
        .await;
    world.warehouse.lock_out(Some(login));
    let both = world.land("in/both_701.txt", "plum|1\n");
    world.load(&both).await;
    for number in 0..3 {
        world.pass_time(TimeDelta::minutes(16)).await;
        let object = world.land(&format!("in/plain{number}_702.txt"), &format!("fig|{number}\n"));
        assert_eq!(world.load(&object).await.state, LoadState::Complete);
    }
    let told = world.topic.told();
    let expected = [
        "warehouse_paused mart",
        "loaded own",
        "loaded",
        "loaded",
        "loaded",
    ];
    assert_eq!(told, expected);
    let standings = bench.store.warehouses().await.unwrap();
    let paused: Vec<_> = standings
        .iter()
        .filter(|standing| standing.paused_at.is_some())
        .map(|standing| standing.warehouse.clone())
        .collect();
    assert_eq!(paused, [format!("{own} as secret lost")]);

    world.warehouse.lock_out(None);
    // The probe makes the marker table, the next one loads.
    for _ in 0..2 {
        world.pass_time(TimeDelta::minutes(16)).await;
    }
    assert_eq!(world.load_of(&both).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["plum|1"]);
}

/// A warehouse that an operator gave up has nothing of the file, whatever the other one has.
#[tokio::test]
async fn a_delivery_that_was_put_aside_by_hand_is_told_as_missing() {
    let bench = Bench::with(&[BOTH]).await;
    bench
        .run(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
             VALUES (1, 'mart', 'model', 'mart', 'arn:aws:secretsmanager:ap-south-1:1:secret:lost', 'default',
                     'ap-south-1')",
        )
        .await;
    let world = bench.world();
    let login = Login::Secret("arn:aws:secretsmanager:ap-south-1:1:secret:lost".to_owned());
    world.warehouse.lock_out(Some(login));
    let object = world.land("in/both_701.txt", "plum|1\n");
    let file = world.load(&object).await;
    assert_eq!(file.state, LoadState::Delivering);

    let delivery = file.id.delivery("mart");
    skip(&world, delivery).await;

    let file = world.load_of(&object).await;
    assert_eq!(file.state, LoadState::Failed);
    assert_eq!(file.error_code.as_deref(), Some("not_delivered"));
    let error = format!(
        "1 of 2 warehouses have it; mart: ann put it aside: a test; when it is wanted there: longshore load replay \
         {delivery} --why TEXT"
    );
    assert_eq!(file.error.as_deref(), Some(error.as_str()));
    assert_eq!(world.topic.told().last().unwrap(), "partly_loaded");
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
}

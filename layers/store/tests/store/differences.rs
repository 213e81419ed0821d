//! The ledger and the markers, as far as the store keeps them apart.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::target::TableName;
use longshore_store::{DifferenceKind, MarkerDifference, MarkerSlice, MarkerTable, SettledAs, Settlement};
use uuid::Uuid;

use crate::support::{ACTOR, Bench, at};

const WAREHOUSE: &str = "cluster c/d";

fn table() -> TableName {
    TableName::new("rdsftetl", "pharmacy_price")
}

fn id(number: u128) -> LoadId {
    LoadId::from_uuid(Uuid::from_u128(number))
}

fn difference(load: LoadId) -> MarkerDifference {
    MarkerDifference {
        load,
        kind: DifferenceKind::MarkerWithoutLoad,
        warehouse: WAREHOUSE.to_owned(),
        table: table(),
        object_url: "s3://landing/in/A_701.txt".to_owned(),
        row_count: Some(3),
        found_at: at(10),
        settled: None,
        is_batch: false,
    }
}

async fn with_table() -> Bench {
    let bench = Bench::new().await;
    bench
        .store
        .remember_marker(WAREHOUSE, &table(), at(0))
        .await
        .unwrap();
    bench
}

async fn take(bench: &Bench, comparer: &str, now: i64, due_before: i64) -> Option<MarkerTable> {
    let taken = bench
        .store
        .take_marker_table(comparer, at(now + 60), at(now), at(due_before));
    taken.await.unwrap()
}

#[tokio::test]
async fn a_comparison_goes_on_where_the_last_run_stopped_and_has_one_comparer() {
    let bench = with_table().await;
    let table = take(&bench, "one", 0, 0).await.unwrap();
    assert_eq!(table.compared_after, None);
    assert_eq!(take(&bench, "two", 1, 1).await, None);
    bench
        .store
        .release_marker_table(&table, "one", Ok(Some(id(5))), at(2))
        .await
        .unwrap();
    let table = take(&bench, "two", 3, -1_000).await.unwrap();
    assert_eq!(table.compared_after, Some(id(5)));
    bench
        .store
        .release_marker_table(&table, "two", Ok(None), at(4))
        .await
        .unwrap();
    assert_eq!(take(&bench, "one", 5, -1).await, None, "the pass is done");
    let table = take(&bench, "one", 5, 0).await.unwrap();
    assert_eq!(table.compared_after, None, "the next one begins");
}

#[tokio::test]
async fn a_table_that_cannot_be_compared_waits_an_hour_and_keeps_no_other_waiting() {
    let bench = with_table().await;
    let other = TableName::new("rdsftetl", "zzz");
    bench
        .store
        .remember_marker(WAREHOUSE, &other, at(0))
        .await
        .unwrap();
    let first = take(&bench, "one", 0, 0).await.unwrap();
    bench
        .store
        .release_marker_table(&first, "one", Err("it is gone"), at(1))
        .await
        .unwrap();
    let second = take(&bench, "one", 2, -1).await.unwrap();
    assert_eq!(second.table, other);
    bench
        .store
        .release_marker_table(&second, "one", Ok(None), at(3))
        .await
        .unwrap();
    assert_eq!(take(&bench, "one", 3_599, -1).await, None);
    assert_eq!(take(&bench, "one", 3_600, -1).await.unwrap().table, first.table);
}

#[tokio::test]
async fn the_loads_of_a_table_that_are_on_record_as_loaded_are_found() {
    let bench = with_table().await;
    let loaded = bench.load_in(LoadState::Complete).await.id;
    bench.load_in(LoadState::Submitted).await;
    let mut table = take(&bench, "one", 0, 0).await.unwrap();
    assert!(table.plan.is_some());
    assert_eq!(bench.store.loaded_into(&table).await.unwrap(), [loaded]);
    table.compared_after = Some(loaded);
    assert_eq!(bench.store.loaded_into(&table).await.unwrap(), []);
    table.compared_after = None;
    table.warehouse = "another".to_owned();
    assert_eq!(bench.store.loaded_into(&table).await.unwrap(), []);

    let states = bench.store.states_of(&[loaded, id(7)]).await.unwrap();
    assert!(states.contains(&(loaded, Some(LoadState::Complete))));
    assert!(states.contains(&(id(7), None)));
}

#[tokio::test]
async fn a_difference_is_news_once_and_settles_itself_when_it_is_gone() {
    let bench = with_table().await;
    let store = &bench.store;
    assert!(store.record_difference(&difference(id(7))).await.unwrap());
    assert!(!store.record_difference(&difference(id(7))).await.unwrap());
    assert_eq!(store.differences(false).await.unwrap(), [difference(id(7))]);

    let table = take(&bench, "one", 20, 20).await.unwrap();
    let clear = async |after, upto, found: &[LoadId]| {
        let slice = MarkerSlice { after, upto };
        store
            .clear_differences(&table, slice, found, ("one", at(20)))
            .await
            .unwrap()
    };
    assert_eq!(
        clear(Some(id(7)), None, &[]).await,
        0,
        "the slice begins after it"
    );
    assert_eq!(clear(None, Some(id(6)), &[]).await, 0, "the slice ends before it");
    assert_eq!(clear(None, None, &[id(7)]).await, 0, "it is still there");
    assert_eq!(clear(None, Some(id(7)), &[]).await, 1);
    assert_eq!(store.differences(false).await.unwrap(), []);
    let settled = &store.differences(true).await.unwrap()[0];
    assert_eq!(settled.settled.as_ref().unwrap().settled_as, SettledAs::Gone);
    assert!(
        store.record_difference(&difference(id(7))).await.unwrap(),
        "news again"
    );
}

#[tokio::test]
async fn an_operators_word_stays() {
    let bench = with_table().await;
    let store = &bench.store;
    store.record_difference(&difference(id(7))).await.unwrap();
    let settlement = Settlement {
        settled_as: SettledAs::Adopted,
        by: "ann".to_owned(),
        at: at(30),
        note: Some("the ledger was restored".to_owned()),
    };
    assert!(store.settle_difference(id(7), &settlement).await.unwrap());
    assert!(!store.settle_difference(id(7), &settlement).await.unwrap());
    assert!(
        !store.record_difference(&difference(id(7))).await.unwrap(),
        "no news"
    );
    assert_eq!(store.differences(false).await.unwrap(), []);
    let settled = store.differences(true).await.unwrap();
    assert_eq!(settled[0].settled, Some(settlement));
}

#[tokio::test]
async fn two_comparers_at_once_never_get_the_same_table() {
    let bench = with_table().await;
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let store = bench.store.clone();
            tokio::spawn(async move {
                let comparer = format!("comparer {number}");
                store.take_marker_table(&comparer, at(60), at(0), at(0)).await
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.unwrap().unwrap().is_some());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn what_lacks_its_marker_needs_nobody_once_it_was_loaded_again() {
    let bench = with_table().await;
    let store = &bench.store;
    let load = bench.load_in(LoadState::Complete).await.id;
    let lost = MarkerDifference {
        kind: DifferenceKind::LoadWithoutMarker,
        ..difference(load)
    };
    bench.replayed(load, load, 5, LoadState::Complete).await;
    store.record_difference(&lost).await.unwrap();
    let settle = async || store.settle_replayed_differences(at(30), ACTOR).await.unwrap();
    assert_eq!(
        settle().await,
        0,
        "it was loaded again before its marker was missed"
    );

    let replay = bench.replayed(load, load, 20, LoadState::Submitted).await.id;
    assert_eq!(settle().await, 0, "it is under way");
    bench.take(replay, LoadState::Loaded).await;
    bench.take(replay, LoadState::Transforming).await;
    bench.take(replay, LoadState::Complete).await;
    assert_eq!(settle().await, 1);
    assert_eq!(store.differences(false).await.unwrap(), []);
    let settled = store.differences(true).await.unwrap().remove(0).settled.unwrap();
    assert_eq!(settled.settled_as, SettledAs::Replayed);
    assert_eq!(settled.note, Some(format!("as load {replay}")));
    let news = store.record_difference(&lost).await.unwrap();
    assert!(!news, "its marker never comes back, and nobody is told again");
}

#[tokio::test]
async fn a_batch_that_lacks_its_marker_is_known_as_one_and_waits_for_each_of_its_files() {
    let bench = with_table().await;
    let store = &bench.store;
    let (batch, files) = bench.batch_of_two(None).await;
    let lost = MarkerDifference {
        kind: DifferenceKind::LoadWithoutMarker,
        is_batch: true,
        ..difference(batch)
    };
    store.record_difference(&lost).await.unwrap();
    assert_eq!(store.differences(false).await.unwrap(), [lost]);
    let sql = "UPDATE rdscnfg.ext_file_load SET concluded_at = $1, finished_at = $1, state = 'failed',
        error_code = 'x', error = 'x' WHERE batch_id IS NOT NULL";
    bench.run(sql, &[&at(9)]).await.unwrap();
    for (file, settled) in files.into_iter().zip([0, 1]) {
        bench.replayed(file, file, 20, LoadState::Complete).await;
        let now_settled = store.settle_replayed_differences(at(30), ACTOR).await.unwrap();
        assert_eq!(now_settled, settled);
    }
}

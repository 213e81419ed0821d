//! Changes of state: those of the domain's table, each once, each on the history.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_store::{FileBeginning, LoadFailure, LoadFilter, LoadedFacts, StoreError};

use crate::support::{ACTOR, Bench, at, facts, failure, matched, prepared, reason, split_facts, unmoved};

#[tokio::test]
async fn the_databases_table_of_transitions_is_the_domains() {
    let bench = Bench::new().await;
    let client = bench.database.client().await.unwrap();
    let rows = client
        .query(
            "SELECT from_state, to_state FROM rdscnfg.ext_load_transition",
            &[],
        )
        .await
        .unwrap();
    let mut stored: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut expected: Vec<(String, String)> = LoadState::ALL
        .into_iter()
        .flat_map(|from| {
            from.successors()
                .iter()
                .map(move |to| (from.to_string(), to.to_string()))
        })
        .collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn the_database_allows_the_domains_transitions_and_refuses_every_other() {
    let bench = Bench::new().await;
    for from in LoadState::ALL {
        let load = bench.load_in(from).await;
        for to in LoadState::ALL {
            let allowed = from == to || from.may_become(to);
            assert_eq!(
                guard_lets_pass(&bench, load.id, to).await,
                allowed,
                "{from} to {to}"
            );
        }
    }
}

/// Whether the guard lets the state change; whether the row would be whole then is for other constraints to say.
async fn guard_lets_pass(bench: &Bench, load: LoadId, to: LoadState) -> bool {
    let mut client = bench.database.client().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let sql = "UPDATE rdscnfg.ext_file_load SET state = $2 WHERE load_id = $1";
    let changed = transaction.execute(sql, &[&load.as_uuid(), &to.as_str()]).await;
    let refused_by = changed
        .err()
        .and_then(|error| Some(error.as_db_error()?.constraint()?.to_owned()));
    refused_by.as_deref() != Some("ext_file_load_transition")
}

#[tokio::test]
async fn a_load_that_went_all_the_way_has_its_whole_history() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Complete).await;
    let history = bench.store.history(load.id).await.unwrap();
    let steps: Vec<String> = history
        .iter()
        .map(|entry| {
            let from = entry.from.map_or("-", LoadState::as_str);
            let note = entry.note.as_deref().unwrap_or("-");
            format!(
                "{from} > {} by {} ({})",
                entry.to,
                entry.actor,
                note.replace(&load.id.to_string(), "ID")
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            "- > received by first (-)",
            "received > prepared by test (-)",
            "prepared > queued by test (attempt 1)",
            "queued > submitted by test (s-ID)",
            "submitted > loaded by test (s-1)",
            "loaded > transforming by test (attempt 1)",
            "transforming > complete by test (s-2)",
        ]
    );
    assert!(history.is_sorted_by_key(|entry| entry.at));
}

#[tokio::test]
async fn a_change_of_state_by_hand_is_on_the_history_too() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await;
    let sql = "UPDATE rdscnfg.ext_file_load SET state = 'skipped', state_actor = 'an operator'";
    bench.run(sql, &[]).await.unwrap();
    let history = bench.store.history(load.id).await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].actor, "an operator");
}

#[tokio::test]
async fn what_preparation_found_is_on_the_load() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Prepared).await;
    let expected = prepared();
    assert_eq!(load.rows_expected, expected.rows_expected);
    assert_eq!(load.sources, expected.sources);
    assert!(load.prepared);
    assert_eq!(load.manifest_key, Some(expected.manifest_key));
    assert_eq!(load.plan, Some(expected.plan));
    assert_eq!(load.remarks, expected.remarks);
    assert_eq!(load.prepare_duration, Some(expected.duration));
    assert_eq!(load.prepared_at, Some(at(1)));
    let matched = matched();
    assert_eq!(load.rule, Some(matched.rule));
    assert_eq!(load.interface, Some(matched.interface));
    assert_eq!(load.table, matched.table);
    assert_eq!(load.captures, matched.captures);
}

#[tokio::test]
async fn a_step_taken_twice_moves_once_and_the_first_facts_stay() {
    let bench = Bench::new().await;
    let store = &bench.store;

    let load = bench.load_in(LoadState::Prepared).await;
    let mut other = prepared();
    other.rows_expected = Some(99);
    let kept = unmoved(store.mark_prepared(load.id, &other, at(9), ACTOR).await.unwrap());
    assert_eq!(kept, load);
    unmoved(store.record_match(load.id, &matched()).await.unwrap());

    let load = bench.load_in(LoadState::Rejected).await;
    let gone = RejectReason::ObjectGone;
    let kept = unmoved(store.mark_rejected(load.id, &gone, at(9), ACTOR).await.unwrap());
    assert_eq!(kept.reject, Some(reason()));
    assert_eq!(kept.error_code.as_deref(), Some("below_threshold"));

    let load = bench.load_in(LoadState::Split).await;
    unmoved(
        store
            .mark_split(load.id, &split_facts(), at(9), ACTOR)
            .await
            .unwrap(),
    );

    let load = bench.load_in(LoadState::Loaded).await;
    let kept = unmoved(store.mark_loaded(load.id, &facts(), at(9), ACTOR).await.unwrap());
    assert_eq!(kept.loaded_at, Some(at(4)));

    let load = bench.load_in(LoadState::Failed).await;
    let other = LoadFailure {
        code: "other".to_owned(),
        ..failure()
    };
    let kept = unmoved(store.mark_failed(load.id, &other, at(9), ACTOR).await.unwrap());
    assert_eq!(kept.error_code.as_deref(), Some("copy_failed"));
    assert_eq!(kept.rows_rejected, Some(2));
}

#[tokio::test]
async fn a_loaded_load_does_not_fail_afterwards_nor_a_failed_one_load() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let loaded = bench.load_in(LoadState::Loaded).await;
    unmoved(
        store
            .mark_failed(loaded.id, &failure(), at(9), ACTOR)
            .await
            .unwrap(),
    );
    let failed = bench.load_in(LoadState::Failed).await;
    unmoved(
        store
            .mark_loaded(failed.id, &facts(), at(9), ACTOR)
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_step_of_an_unknown_load_is_an_error() {
    let bench = Bench::new().await;
    let error = bench
        .store
        .mark_failed(LoadId::from_uuid(uuid::Uuid::new_v4()), &failure(), at(1), ACTOR)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn of_two_plans_for_a_file_the_first_stands() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await.id;
    let key = ObjectKey::new;
    let store = &bench.store;
    assert_eq!(store.plan_archive(load, &key("a/1")).await.unwrap(), key("a/1"));
    assert_eq!(store.plan_archive(load, &key("a/2")).await.unwrap(), key("a/1"));
    let replanned = store.replan_archive(load, &key("a/1"), &key("a/1_1")).await;
    assert_eq!(replanned.unwrap(), key("a/1_1"));
    let too_late = store.replan_archive(load, &key("a/1"), &key("a/1_2")).await;
    assert_eq!(too_late.unwrap(), key("a/1_1"));
}

#[tokio::test]
async fn loads_are_listed_newest_first_within_the_filter() {
    let bench = Bench::new().await;
    for (key, now) in [("in/A_701.txt", 0), ("in/B_701.txt", 10), ("in/C_701.txt", 20)] {
        bench.claim(key, "w", now).await;
    }
    let keys = async |filter: LoadFilter| -> Vec<String> {
        let loads = bench.store.list_loads(&filter).await.unwrap();
        loads
            .iter()
            .map(|load| load.object.key.file_name().to_owned())
            .collect()
    };
    let all = LoadFilter {
        limit: 10,
        ..LoadFilter::default()
    };
    assert_eq!(keys(all.clone()).await, ["C_701.txt", "B_701.txt", "A_701.txt"]);
    let two = LoadFilter {
        limit: 2,
        ..all.clone()
    };
    assert_eq!(keys(two).await, ["C_701.txt", "B_701.txt"]);
    let between = LoadFilter {
        since: Some(at(10)),
        until: Some(at(20)),
        ..all.clone()
    };
    assert_eq!(keys(between).await, ["B_701.txt"]);
    let loaded = LoadFilter {
        state: Some(LoadState::Loaded),
        ..all
    };
    assert_eq!(keys(loaded).await, Vec::<String>::new());
}

#[tokio::test]
async fn loads_are_listed_by_how_a_name_or_a_key_begins_and_by_code() {
    let bench = Bench::new().await;
    for key in [
        "in/A_701.txt",
        "in/AB_701.txt",
        "in/deep/A%_701.txt",
        "out/A_701.txt",
    ] {
        bench.received(key).await;
    }
    bench.load_in(LoadState::Rejected).await;
    let keys = async |file: Option<FileBeginning>, code: Option<&str>| -> Vec<String> {
        let filter = LoadFilter {
            file,
            code: code.map(str::to_owned),
            limit: 10,
            ..LoadFilter::default()
        };
        let loads = bench.store.list_loads(&filter).await.unwrap();
        let mut keys: Vec<_> = loads.iter().map(|load| load.object.key.to_string()).collect();
        keys.sort();
        keys
    };
    let name = |name: &str| Some(FileBeginning::Name(name.to_owned()));
    let key = |bucket: Option<&str>, key: &str| {
        let bucket = bucket.map(Bucket::new);
        Some(FileBeginning::Key {
            bucket,
            key: key.to_owned(),
        })
    };
    assert_eq!(keys(name("A_"), None).await, ["in/A_701.txt", "out/A_701.txt"]);
    assert_eq!(keys(name("A%"), None).await, ["in/deep/A%_701.txt"]);
    assert_eq!(keys(name("\\"), None).await, Vec::<String>::new());
    assert_eq!(
        keys(key(None, "in/A"), None).await,
        ["in/AB_701.txt", "in/A_701.txt"]
    );
    assert_eq!(keys(key(Some("landing"), "out/"), None).await, ["out/A_701.txt"]);
    assert_eq!(keys(key(Some("other"), "out/"), None).await, Vec::<String>::new());
    assert_eq!(keys(None, Some("below_threshold")).await, ["in/rejected_701.txt"]);
    assert_eq!(keys(None, Some("below")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_names_its_column() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Prepared).await.id;
    let sql = "UPDATE rdscnfg.ext_file_load SET sources = '[{\"key\": 1}]'";
    bench.run(sql, &[]).await.unwrap();
    let error = bench.store.load(load).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("ext_file_load.sources holds"),
        "{error}"
    );
}

#[tokio::test]
async fn a_count_beyond_the_database_is_refused_before_it_is_sent() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    let too_many = LoadedFacts {
        rows_loaded: Some(u64::MAX),
        ..facts()
    };
    let error = bench
        .store
        .mark_loaded(load.id, &too_many, at(9), ACTOR)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::CountTooLarge { .. }), "{error:?}");
    assert_eq!(bench.store.load(load.id).await.unwrap(), Some(load));
}

#[tokio::test]
async fn text_from_outside_is_never_sql() {
    let bench = Bench::new().await;
    let key = "in/'); DROP TABLE rdscnfg.ext_file_load; --_701.txt";
    let load = bench.received(key).await;
    assert_eq!(load.object.key.as_str(), key);
    assert_eq!(bench.store.rules_of_token("' OR ''='").await.unwrap(), []);
    assert_eq!(bench.store.load(load.id).await.unwrap(), Some(load));
}

#[tokio::test]
async fn a_nul_from_a_file_does_not_keep_its_load_off_the_record() {
    let bench = Bench::new().await;
    let load = bench.received("in/nul_701.txt").await.id;
    let reason = RejectReason::HeaderDiffers {
        missing: vec!["id".to_owned()],
        unknown: vec!["i\0d".to_owned()],
    };
    let moved = bench
        .store
        .mark_rejected(load, &reason, at(1), ACTOR)
        .await
        .unwrap();
    assert!(moved.has_moved());
    let error = moved.load().error.clone().unwrap();
    assert!(error.contains("i\u{FFFD}d"), "{error}");
}

#[tokio::test]
async fn an_object_that_is_passed_over_ends_with_its_note_and_is_told_to_nobody() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Received).await;
    let moved = bench
        .store
        .mark_ignored(load.id, "ignored: rule 1", at(5), ACTOR)
        .await;
    let ignored = moved.unwrap().into_load();
    assert_eq!(ignored.state, LoadState::Skipped);
    assert_eq!(ignored.finished_at, Some(at(5)));
    assert_eq!(ignored.remarks, ["ignored: rule 1"]);
    let again = bench
        .store
        .mark_ignored(load.id, "twice", at(6), ACTOR)
        .await
        .unwrap();
    assert!(!again.has_moved());
    assert_eq!(again.into_load().remarks, ["ignored: rule 1"]);
}

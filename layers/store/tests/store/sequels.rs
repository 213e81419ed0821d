//! What came of loads that failed: a replay, a newer file, or nothing yet.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Object, ObjectKey, Sequencer};
use longshore_domain::rule::ResendPolicy;
use longshore_store::{
    Announced, Claim, LeaseStep, Load, LoadFailure, LoadFilter, MadeBatch, Mending, NewBatch, NewReplay,
    Operator, Replayed, ReplayedAs, Sequel, batch_id,
};

use crate::support::{ACTOR, Bench, at, failure, joining, lease, matched, object};

const KEY: &str = "in/A_701.txt";

fn open() -> Sequel {
    Sequel {
        replayed_as: None,
        replaced_by: None,
        is_open: true,
    }
}

fn replaced_by(load: LoadId) -> Sequel {
    Sequel {
        replaced_by: Some(load),
        is_open: false,
        ..open()
    }
}

fn replayed_as(load: LoadId, state: LoadState) -> Sequel {
    Sequel {
        replayed_as: Some(ReplayedAs { load, state }),
        is_open: false,
        ..open()
    }
}

impl Bench {
    /// Another version of a file, received at a second, in a state.
    async fn version(&self, key: &str, version: u32, second: i64, state: LoadState) -> LoadId {
        let object = Object {
            etag: Some(format!("v{version}")),
            sequencer: Some(Sequencer::new(format!("{version:04}"))),
            ..object(key)
        };
        let lease = lease("first", LeaseStep::Prepare, second + 60);
        let announced = Announced::default();
        let claim = self.store.claim_load(&object, &announced, &lease, at(second));
        let Claim::New(load) = claim.await.unwrap() else {
            unreachable!("each version is announced once");
        };
        self.store.record_match(load.id, &matched()).await.unwrap();
        self.bring(load.id, state).await;
        load.id
    }

    /// A replay of a load, in a state.
    pub(crate) async fn replayed(&self, load: LoadId, whole: LoadId, second: i64, state: LoadState) -> Load {
        let whole = self.store.load(whole).await.unwrap().unwrap();
        let replay = NewReplay {
            object: whole.object,
            whole: whole.id,
            replays: load,
            only_record_type: None,
            target: None,
            read_key: None,
            resend: ResendPolicy::Skip,
        };
        let operator = Operator {
            name: "ann".to_owned(),
            reason: "mended".to_owned(),
        };
        let replayed = self.store.replay(&replay, &operator, at(second)).await.unwrap();
        let Replayed::Made(made) = replayed else {
            unreachable!("{replayed:?}");
        };
        self.store.record_match(made.id, &matched()).await.unwrap();
        self.bring(made.id, state).await;
        *made
    }

    /// A batch of two files, which failed or is to be loaded.
    pub(crate) async fn batch_of_two(&self, failure: Option<LoadFailure>) -> (LoadId, Vec<LoadId>) {
        let mut files = Vec::new();
        for (second, key) in (0..).zip(["in/A_701.txt", "in/B_701.txt"]) {
            let load = self.received(key).await.id;
            self.store.record_match(load, &matched()).await.unwrap();
            let joining = joining(1);
            let joined = self.store.join_buffer(load, &joining, at(second), ACTOR);
            joined.await.unwrap();
            files.push(load);
        }
        let new = NewBatch {
            id: batch_id(&files),
            buffer: joining(1).buffer,
            loads: files.clone(),
            size_bytes: 200,
            rows_expected: Some(4),
            manifest_key: ObjectKey::new("processing/manifests/x.manifest"),
            plan: serde_json::json!({ "sql": ["COPY …"] }),
            failure,
        };
        match self.store.make_batch(&new, at(5), ACTOR).await.unwrap() {
            MadeBatch::Made(batch) => (batch.id, files),
            other => unreachable!("{other:?}"),
        }
    }

    async fn sequel(&self, load: LoadId) -> Option<Sequel> {
        self.store.sequels(&[load]).await.unwrap().remove(&load)
    }

    async fn listed_as_open(&self) -> Vec<LoadId> {
        let filter = LoadFilter {
            mending: Mending::Open,
            limit: 10,
            ..LoadFilter::default()
        };
        let loads = self.store.list_loads(&filter).await.unwrap();
        loads.iter().map(|load| load.id).collect()
    }
}

#[tokio::test]
async fn what_failed_is_open_until_it_is_replayed() {
    let bench = Bench::new().await;
    for state in [LoadState::Failed, LoadState::Rejected, LoadState::TransformFailed] {
        let load = bench.version(&format!("in/{state}_701.txt"), 1, 0, state).await;
        assert_eq!(bench.sequel(load).await, Some(open()), "{state}");
        assert!(bench.listed_as_open().await.contains(&load), "{state}");

        let replay = bench.replayed(load, load, 10, LoadState::Received).await;
        let sequel = replayed_as(replay.id, LoadState::Received);
        assert_eq!(bench.sequel(load).await, Some(sequel), "{state}");
        assert_eq!(bench.listed_as_open().await, [], "{state}");
    }
}

#[tokio::test]
async fn of_a_replay_that_failed_the_replay_is_open() {
    let bench = Bench::new().await;
    let load = bench.version(KEY, 1, 0, LoadState::Failed).await;
    let replay = bench.replayed(load, load, 10, LoadState::Failed).await.id;
    assert_eq!(
        bench.sequel(load).await,
        Some(replayed_as(replay, LoadState::Failed))
    );
    assert_eq!(bench.listed_as_open().await, [replay]);
}

#[tokio::test]
async fn a_newer_file_that_is_done_replaces_what_failed_and_no_other_does() {
    let bench = Bench::new().await;
    let load = bench.version(KEY, 2, 10, LoadState::Rejected).await;
    bench.version(KEY, 1, 0, LoadState::Complete).await;
    bench.version("in/B_701.txt", 3, 20, LoadState::Complete).await;
    bench.version(KEY, 4, 30, LoadState::Submitted).await;
    assert_eq!(bench.sequel(load).await, Some(open()));

    let newer = bench.version(KEY, 5, 40, LoadState::Complete).await;
    assert_eq!(bench.sequel(load).await, Some(replaced_by(newer)));
    assert_eq!(bench.listed_as_open().await, []);
}

#[tokio::test]
async fn a_replay_of_an_older_file_replaces_no_newer_one() {
    let bench = Bench::new().await;
    let older = bench.version(KEY, 1, 0, LoadState::Failed).await;
    let newer = bench.version(KEY, 2, 10, LoadState::Failed).await;
    bench.replayed(older, older, 20, LoadState::Complete).await;
    assert_eq!(bench.sequel(newer).await, Some(open()));
    assert_eq!(bench.listed_as_open().await, [newer]);
}

#[tokio::test]
async fn a_file_under_another_rule_replaces_nothing() {
    let bench = Bench::new().await;
    let load = bench.version(KEY, 1, 0, LoadState::Failed).await;
    let other = bench.version(KEY, 2, 10, LoadState::Complete).await;
    let sql = "UPDATE rdscnfg.ext_file_load SET ext_file_config_sid = 72 WHERE load_id = $1";
    bench.run(sql, &[&other.as_uuid()]).await.unwrap();
    assert_eq!(bench.sequel(load).await, Some(open()));
}

#[tokio::test]
async fn a_follow_up_that_failed_is_open_whatever_comes_later() {
    let bench = Bench::new().await;
    let load = bench.version(KEY, 1, 0, LoadState::TransformFailed).await;
    bench.version(KEY, 2, 10, LoadState::Complete).await;
    assert_eq!(bench.sequel(load).await, Some(open()));
}

#[tokio::test]
async fn nothing_is_said_of_a_load_that_did_not_fail() {
    let bench = Bench::new().await;
    for state in [LoadState::Received, LoadState::Skipped, LoadState::Complete] {
        let load = bench.load_in(state).await.id;
        assert_eq!(bench.sequel(load).await, None, "{state}");
    }
    assert_eq!(bench.listed_as_open().await, []);
}

#[tokio::test]
async fn a_file_is_as_open_as_its_deliveries_and_a_replay_of_it_is_theirs_too() {
    let bench = Bench::new().await;
    let file = bench.received(KEY).await;
    bench.store.record_match(file.id, &matched()).await.unwrap();
    let [own, mart] = bench.deliveries(&file, 1).await;
    bench.take(file.id, LoadState::Delivering).await;
    bench.bring(own, LoadState::Complete).await;
    bench.bring(mart, LoadState::Failed).await;
    for load in [own, mart, file.id] {
        let sql =
            "UPDATE rdscnfg.ext_file_load SET concluded_at = $2, finished_at = coalesce(finished_at, $2),
            state = CASE WHEN deliveries IS NULL THEN state ELSE 'failed' END,
            error_code = CASE WHEN deliveries IS NULL THEN error_code ELSE 'not_delivered' END,
            error = CASE WHEN deliveries IS NULL THEN error ELSE 'not delivered' END
            WHERE load_id = $1";
        bench.run(sql, &[&load.as_uuid(), &at(9)]).await.unwrap();
    }
    let mut listed = bench.listed_as_open().await;
    listed.sort();
    let mut both = vec![mart, file.id];
    both.sort();
    assert_eq!(listed, both);

    let replay = bench
        .replayed(file.id, file.id, 20, LoadState::Submitted)
        .await
        .id;
    let sequel = replayed_as(replay, LoadState::Submitted);
    assert_eq!(bench.sequel(mart).await, Some(sequel.clone()));
    assert_eq!(bench.sequel(file.id).await, Some(sequel));
    assert_eq!(bench.listed_as_open().await, []);
}

#[tokio::test]
async fn a_batch_is_as_open_as_its_files() {
    let bench = Bench::new().await;
    let (batch, files) = bench.batch_of_two(Some(failure())).await;
    let why = failure();
    let failed = bench.store.mark_carried_failed(batch, None, &why, at(6), ACTOR);
    failed.await.unwrap();
    assert_eq!(bench.sequel(batch).await, Some(open()));
    assert_eq!(bench.listed_as_open().await.len(), 3);
    for load in &files {
        let sql = "UPDATE rdscnfg.ext_file_load SET concluded_at = $2, finished_at = $2 WHERE load_id = $1";
        bench.run(sql, &[&load.as_uuid(), &at(7)]).await.unwrap();
        bench.replayed(*load, *load, 20, LoadState::Submitted).await;
    }
    let mended = Sequel {
        is_open: false,
        ..open()
    };
    assert_eq!(bench.sequel(batch).await, Some(mended));
    assert_eq!(bench.listed_as_open().await, []);
}

//! VACUUM and ANALYZE: vacuum first, one at a time in each warehouse, and each once.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::target::{Compute, Login, TableName, Warehouse};
use longshore_store::{Maintenance, MaintenanceKind, MaintenanceState};

use crate::support::{Bench, at};

fn warehouse(name: &str) -> Warehouse {
    Warehouse {
        compute: Compute::Cluster(name.to_owned()),
        database: "d".to_owned(),
        login: Login::CallerIdentity,
        iam_role: "default".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

impl Bench {
    async fn left(&self, key: &str, cluster: &str) -> LoadId {
        let load = self.load_of(key, LoadState::Loaded).await.id;
        for _ in 0..2 {
            self.store
                .queue_maintenance(load, (&warehouse(cluster), &TableName::new("s", key)), 7, at(0))
                .await
                .unwrap();
        }
        load
    }

    async fn taken(&self, now: i64) -> Option<Maintenance> {
        self.store.take_maintenance(at(now), at(now + 60)).await.unwrap()
    }
}

#[tokio::test]
async fn a_load_leaves_a_vacuum_and_an_analysis_once() {
    let bench = Bench::new().await;
    let load = bench.left("a", "c").await;
    let left = bench.store.list_maintenance(Some(load), 10).await.unwrap();
    let kinds: Vec<_> = left
        .iter()
        .rev()
        .map(|one| (one.kind, one.state, one.rows_deleted))
        .collect();
    let queued = MaintenanceState::Queued;
    assert_eq!(
        kinds,
        [
            (MaintenanceKind::Vacuum, queued, 7),
            (MaintenanceKind::Analyze, queued, 7)
        ]
    );
}

#[tokio::test]
async fn the_analysis_waits_for_the_vacuum_of_its_load() {
    let bench = Bench::new().await;
    bench.left("a", "c").await;
    let vacuum = bench.taken(1).await.unwrap();
    assert_eq!(vacuum.kind, MaintenanceKind::Vacuum);
    assert_eq!(bench.taken(2).await, None, "it is held");
    let attempt = bench
        .store
        .submit_maintenance(vacuum.id, at(2), at(100))
        .await
        .unwrap();
    assert_eq!(attempt, Some(1));
    assert_eq!(bench.taken(3).await, None, "it is under way");
    bench
        .store
        .record_maintenance(vacuum.id, 1, "s1", at(10))
        .await
        .unwrap();
    let looked = bench.taken(10).await.unwrap();
    assert_eq!(
        (looked.state, looked.statement_id.as_deref()),
        (MaintenanceState::Submitted, Some("s1"))
    );
    bench
        .store
        .finish_maintenance(vacuum.id, None, at(11))
        .await
        .unwrap();
    let analysis = bench.taken(12).await.unwrap();
    assert_eq!(analysis.kind, MaintenanceKind::Analyze);
    bench
        .store
        .submit_maintenance(analysis.id, at(12), at(13))
        .await
        .unwrap();
    bench
        .store
        .postpone_maintenance(analysis.id, "busy", at(50))
        .await
        .unwrap();
    assert_eq!(bench.taken(49).await, None);
    assert_eq!(bench.taken(50).await.unwrap().error.as_deref(), Some("busy"));
}

#[tokio::test]
async fn one_vacuum_runs_at_a_time_in_each_warehouse() {
    let bench = Bench::new().await;
    bench.left("a", "c").await;
    bench.left("b", "c").await;
    bench.left("d", "other").await;
    // Two workers take both before either is submitted.
    let (first, second) = (bench.taken(1).await.unwrap(), bench.taken(1).await.unwrap());
    assert_eq!(
        bench
            .store
            .submit_maintenance(first.id, at(1), at(100))
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(
        bench
            .store
            .submit_maintenance(second.id, at(1), at(100))
            .await
            .unwrap(),
        None
    );
    let elsewhere = bench.taken(2).await.unwrap();
    assert_eq!(elsewhere.table.table, "d");
    assert_eq!(
        bench
            .store
            .submit_maintenance(elsewhere.id, at(2), at(100))
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(bench.taken(90).await, None, "the second waits for the first");
    bench
        .store
        .finish_maintenance(first.id, Some("no"), at(90))
        .await
        .unwrap();
    let next: Vec<_> = [bench.taken(91).await, bench.taken(91).await]
        .into_iter()
        .flatten()
        .map(|one| (one.table.table, one.kind))
        .collect();
    assert!(
        next.contains(&("b".to_owned(), MaintenanceKind::Vacuum)),
        "{next:?}"
    );
}

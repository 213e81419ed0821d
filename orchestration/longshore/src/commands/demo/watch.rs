//! Waiting until every load has come to its end, and collecting what is on record by then.

use std::time::{Duration, Instant};

use anyhow::bail;
use longshore_domain::load::LoadId;
use longshore_store::{AuditEntry, AuditFilter, HistoryEntry, Load, LoadFilter, Notice};

use super::files::{SampleFile, TABLES};
use crate::local::LocalDeployment;

/// Far more than it takes, far less than anybody waits.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOK_PATIENCE: Duration = Duration::from_secs(30);
const MOST: u32 = 100;

/// A load with its past.
pub(super) struct Chapter {
    pub load: Load,
    pub history: Vec<HistoryEntry>,
}

/// Everything on record once all loads are settled.
pub(super) struct Story {
    /// The loads in order of arrival, parts after their files.
    pub chapters: Vec<Chapter>,
    pub audit: Vec<AuditEntry>,
    pub notices: Vec<Notice>,
    /// Table name, its columns' values row by row.
    pub tables: Vec<(&'static str, Vec<Vec<Option<String>>>)>,
}

impl Story {
    pub(super) fn of_file<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Chapter> {
        self.chapters
            .iter()
            .filter(move |chapter| chapter.load.file_name == name)
    }
}

/// Waits for the loads of all samples and gathers the story.
pub(super) async fn until_settled(
    deployment: &LocalDeployment,
    samples: &[SampleFile],
) -> anyhow::Result<Story> {
    let started = Instant::now();
    let filter = LoadFilter {
        limit: MOST,
        ..LoadFilter::default()
    };
    let mut loads = loop {
        let loads = deployment.app.store.list_loads(&filter).await?;
        let all_here = samples
            .iter()
            .all(|sample| loads.iter().any(|load| load.file_name == sample.name));
        if all_here && loads.iter().all(|load| load.finished_at.is_some()) && told(deployment, &loads).await?
        {
            break loads;
        }
        if started.elapsed() > PATIENCE {
            let open: Vec<_> = loads
                .iter()
                .filter(|load| load.finished_at.is_none())
                .map(|load| format!("{} is {}", load.file_name, load.state))
                .collect();
            bail!(
                "the loads did not end within {} s: {}; see the functions' logs in {}",
                PATIENCE.as_secs(),
                open.join(", "),
                deployment.ready.data_dir
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    loads.sort_by_key(|load| (load.received_at, load.parent.is_some(), load.record_type.clone()));
    gather(deployment, loads).await
}

async fn told(deployment: &LocalDeployment, loads: &[Load]) -> anyhow::Result<bool> {
    for load in loads {
        let notices = deployment.app.store.notices(load.id).await?;
        if notices.iter().any(|notice| notice.sent_at.is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn gather(deployment: &LocalDeployment, loads: Vec<Load>) -> anyhow::Result<Story> {
    let store = &deployment.app.store;
    let ids: Vec<LoadId> = loads.iter().map(|load| load.id).collect();
    let mut chapters = Vec::with_capacity(loads.len());
    for load in loads {
        let history = store.history(load.id).await?;
        chapters.push(Chapter { load, history });
    }
    let mut notices = Vec::new();
    for id in ids {
        notices.extend(store.notices(id).await?);
    }
    let mut tables = Vec::with_capacity(TABLES.len());
    for (table, _) in TABLES {
        let sql = format!("SELECT * FROM {table} ORDER BY 1, 2");
        let app = &deployment.app;
        tables.push((
            table,
            app.warehouse
                .run(&app.config.warehouse, &sql, LOOK_PATIENCE)
                .await?,
        ));
    }
    let mut audit = store
        .audit_rows(&AuditFilter {
            limit: MOST,
            ..AuditFilter::default()
        })
        .await?;
    audit.reverse();
    Ok(Story {
        chapters,
        audit,
        notices,
        tables,
    })
}

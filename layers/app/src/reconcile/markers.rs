//! The ledger and the markers in the warehouses, compared.
//!
//! A marker table is gone through in the order of load ids, page by page, over as many runs as it takes; the same stretch of
//! the ledger is read before the markers, so that a load which commits in between has its marker. What differs is put on
//! record once and told until it is settled.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_copy::marker;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{
    DifferenceKind, LIST_LIMIT, MarkerDifference, MarkerSlice, MarkerTable, SettledAs, Settlement,
};
use tracing::warn;

use super::{ComparisonReport, Reconcile, ReconcileReport, Slice, unless_of_the_store};
use crate::plan::LoadPlan;
use crate::{App, AppError};

/// How long a page of markers may take.
const PAGE_PATIENCE: Duration = Duration::from_secs(60);

/// What a marker says.
struct Marker {
    object_url: String,
    row_count: Option<u64>,
}

type Markers = BTreeMap<LoadId, Marker>;

impl Reconcile<'_> {
    /// Goes on with the comparisons that are due, as far as the run's time allows.
    pub(super) async fn compare_markers(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        let now = self.app.clock.now();
        self.app
            .store
            .settle_replayed_differences(now, self.actor())
            .await?;
        let due_before = self.due_before(slice, self.limits.compare_every);
        for _ in 0..self.limits.marker_pages {
            if self.is_over(slice) {
                break;
            }
            let now = self.app.clock.now();
            let until = slice.ends + TimeDelta::minutes(2);
            let store = &self.app.store;
            let taken = store
                .take_marker_table(self.actor(), until, now, due_before)
                .await?;
            let Some(table) = taken else { break };
            self.compare_table(&table, report).await?;
        }
        Ok(())
    }

    async fn compare_table(&self, table: &MarkerTable, report: &mut ReconcileReport) -> Result<(), AppError> {
        let compared = unless_of_the_store(self.compare(table, report).await)?;
        let (compared_loads, upto, error) = match &compared {
            Ok((loads, upto)) => (*loads, Ok(*upto), None),
            Err(error) => (0, Err(error.as_str()), Some(error.clone())),
        };
        if let Some(error) = &error {
            warn!(
                "could not compare the markers of {} with the ledger: {error}",
                table.table
            );
        }
        self.app
            .store
            .release_marker_table(table, self.actor(), upto, self.app.clock.now())
            .await?;
        report.comparisons.push(ComparisonReport {
            warehouse: table.warehouse.clone(),
            table: table.table.to_string(),
            compared: compared_loads,
            is_through: upto == Ok(None),
            error,
        });
        Ok(())
    }

    /// Compares the next stretch of a table. Gives how many loads that were, and where it ended; `None` for at the end.
    async fn compare(
        &self,
        table: &MarkerTable,
        report: &mut ReconcileReport,
    ) -> Result<(usize, Option<LoadId>), AppError> {
        let loaded = self.app.store.loaded_into(table).await?;
        let markers = match self.markers_after(table).await {
            // It was made ready for a first load there, which is not submitted yet.
            Err(AppError::WarehouseUnknown { .. }) if loaded.is_empty() => return Ok((0, None)),
            markers => markers?,
        };
        let upto = end_of_stretch(&loaded, &markers);
        let is_in = |load: &LoadId| upto.is_none_or(|upto| *load <= upto);
        let ids: Vec<LoadId> = markers.keys().copied().filter(is_in).collect();
        let mut found = Vec::new();
        for (load, state) in self.app.store.states_of(&ids).await? {
            match state {
                None => found.push((load, DifferenceKind::MarkerWithoutLoad)),
                Some(LoadState::Failed) => found.push((load, DifferenceKind::FailedAndLoaded)),
                // Not on record as loaded yet: the steps of any load that stands still settle it.
                Some(LoadState::Queued | LoadState::Submitted) => self.settle(load, report).await?,
                Some(_) => {}
            }
        }
        let unmarked = loaded
            .iter()
            .filter(|load| is_in(load) && !markers.contains_key(load));
        found.extend(unmarked.map(|load| (*load, DifferenceKind::LoadWithoutMarker)));
        self.put_on_record(table, upto, &found, &markers).await?;
        Ok((ids.len().max(loaded.len()), upto))
    }

    async fn markers_after(&self, table: &MarkerTable) -> Result<Markers, AppError> {
        let warehouse = warehouse_of(self.app, table)?;
        let sql = marker::page_query(&table.table, table.compared_after, LIST_LIMIT)
            .map_err(|error| AppError::Engine(error.into()))?;
        let rows = self.app.warehouse.run(&warehouse, &sql, PAGE_PATIENCE).await?;
        Ok(rows.into_iter().filter_map(read_marker).collect())
    }

    /// A load whose marker is there although the ledger does not have it as loaded. Nobody is in a hurry: one that moved just
    /// now is left to its events.
    async fn settle(&self, load: LoadId, report: &mut ReconcileReport) -> Result<(), AppError> {
        let Some(load) = self.app.store.load(load).await? else {
            return Ok(());
        };
        let now = self.app.clock.now();
        let moved_at = load.submitted_at.or(load.prepared_at).unwrap_or(load.received_at);
        let is_free = load.lease.as_ref().is_none_or(|lease| lease.until <= now);
        if is_free && moved_at <= now - self.limits.idle {
            self.look_at(load, report).await?;
        }
        Ok(())
    }

    async fn put_on_record(
        &self,
        table: &MarkerTable,
        upto: Option<LoadId>,
        found: &[(LoadId, DifferenceKind)],
        markers: &Markers,
    ) -> Result<(), AppError> {
        let now = self.app.clock.now();
        for (load, kind) in found {
            let difference = self.difference(table, *load, *kind, markers).await?;
            if self.app.store.record_difference(&difference).await? {
                warn!(
                    load.id = %load,
                    "{} about {} in {}; see: longshore marker list",
                    difference.kind.as_str(),
                    difference.object_url,
                    table.table
                );
            }
        }
        let stretch = MarkerSlice {
            after: table.compared_after,
            upto,
        };
        let found: Vec<LoadId> = found.iter().map(|(load, _)| *load).collect();
        self.app
            .store
            .clear_differences(table, stretch, &found, (self.actor(), now))
            .await?;
        Ok(())
    }

    async fn difference(
        &self,
        table: &MarkerTable,
        load: LoadId,
        kind: DifferenceKind,
        markers: &Markers,
    ) -> Result<MarkerDifference, AppError> {
        let (object_url, row_count) = match markers.get(&load) {
            Some(marker) => (marker.object_url.clone(), marker.row_count),
            None => {
                let load = self.app.store.load(load).await?;
                load.map(|load| (load.object.url(), load.rows_loaded))
                    .unwrap_or_default()
            }
        };
        Ok(MarkerDifference {
            load,
            kind,
            warehouse: table.warehouse.clone(),
            table: table.table.clone(),
            object_url,
            row_count,
            found_at: self.app.clock.now(),
            settled: None,
            is_batch: false,
        })
    }
}

/// Where both pages are known: a full page may be followed by another one, so what comes after its last id is not.
fn end_of_stretch(loaded: &[LoadId], markers: &Markers) -> Option<LoadId> {
    let most = LIST_LIMIT as usize;
    let of_ledger = loaded.last().filter(|_| loaded.len() >= most);
    let of_markers = markers.keys().next_back().filter(|_| markers.len() >= most);
    of_ledger.into_iter().chain(of_markers).min().copied()
}

/// How a table's warehouse is reached: as its loads reached it, or the deployment's own.
fn warehouse_of(app: &App, table: &MarkerTable) -> Result<Warehouse, AppError> {
    let planned = table
        .plan
        .clone()
        .and_then(|plan| serde_json::from_value::<LoadPlan>(plan).ok());
    let warehouse = match planned {
        Some(plan) => plan.warehouse,
        None => app.config.warehouse.clone(),
    };
    match warehouse.to_string() == table.warehouse {
        true => Ok(warehouse),
        false => Err(AppError::WarehouseUnknown {
            warehouse: table.warehouse.clone(),
        }),
    }
}

fn read_marker(row: Vec<Option<String>>) -> Option<(LoadId, Marker)> {
    let [Some(load), url, rows] = <[Option<String>; 3]>::try_from(row).ok()? else {
        return None;
    };
    let marker = Marker {
        object_url: url.unwrap_or_default(),
        row_count: rows.and_then(|rows| rows.parse().ok()),
    };
    Some((LoadId::parse(&load)?, marker))
}

/// An operator's word on differences between the ledger and the markers.
#[derive(Clone, Copy)]
pub struct SettleDifference<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who says so.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
}

impl SettleDifference<'_> {
    /// What the warehouse holds counts: the difference is settled, and the marker stays, so that the load never happens again.
    /// False when nothing about the load was open.
    pub async fn adopt(&self, load: LoadId) -> Result<bool, AppError> {
        self.settle(load, SettledAs::Adopted).await
    }

    /// The load did not happen, or its rows were taken out: its marker is deleted, so that it may happen. False when nothing
    /// about the load was open.
    pub async fn forget(&self, load: LoadId) -> Result<bool, AppError> {
        let open = self.app.store.differences(false).await?;
        let Some(difference) = open.into_iter().find(|difference| difference.load == load) else {
            return Ok(false);
        };
        self.delete_marker(&difference.warehouse, &difference.table, load)
            .await?;
        self.settle(load, SettledAs::Forgotten).await
    }

    async fn delete_marker(&self, warehouse: &str, table: &TableName, load: LoadId) -> Result<(), AppError> {
        let table = MarkerTable {
            warehouse: warehouse.to_owned(),
            table: table.clone(),
            compared_after: None,
            plan: self.app.store.plan_into(warehouse, table).await?,
        };
        let warehouse = warehouse_of(self.app, &table)?;
        let sql =
            marker::delete_statement(&table.table, load).map_err(|error| AppError::Engine(error.into()))?;
        self.app.warehouse.run(&warehouse, &sql, PAGE_PATIENCE).await?;
        Ok(())
    }

    async fn settle(&self, load: LoadId, settled_as: SettledAs) -> Result<bool, AppError> {
        let settlement = Settlement {
            settled_as,
            by: self.by.to_owned(),
            at: self.now(),
            note: Some(self.why.to_owned()),
        };
        Ok(self.app.store.settle_difference(load, &settlement).await?)
    }

    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }
}

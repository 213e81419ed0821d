//! What the markers in the warehouses say of objects that the ledger does not account for.
//!
//! A ledger that was restored to an earlier time does not know of loads that the warehouse knows. So the markers of the objects
//! are asked for before a load is made, and a marker that the ledger does not know gives its id to the load: its transaction then
//! finds the marker and loads nothing, and all that follows a load follows.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use longshore_copy::marker;
use longshore_domain::load::LoadId;

use super::judge::Target;
use super::listing::{Found, Listing};
use crate::error::with_causes;
use crate::{AppError, AppError::Engine};

/// How long a look at the markers may take: it waits for the load transactions of its table, and a run is under a minute.
const LOOK_PATIENCE: Duration = Duration::from_secs(15);
/// Clocks may differ by this much.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// What the markers say of objects.
#[derive(Default)]
pub(super) struct LoadedBefore {
    /// The loads of those that were loaded, by address.
    pub(super) loaded: HashMap<String, LoadId>,
    /// Targets whose markers could not be read, and why.
    pub(super) unanswered: Vec<(Target, String)>,
}

impl LoadedBefore {
    pub(super) fn has_answer_for(&self, found: &Found) -> bool {
        let target = found.judgement.target.as_ref();
        !self
            .unanswered
            .iter()
            .any(|(unanswered, _)| target == Some(unanswered))
    }
}

impl Listing<'_, '_> {
    /// The objects that a marker says were loaded since they were written, by loads that the ledger does not know.
    pub(super) async fn loaded_before(&self, found: &[Found]) -> Result<LoadedBefore, AppError> {
        let mut by_target: HashMap<&Target, Vec<&Found>> = HashMap::new();
        for found in found {
            if let Some(target) = &found.judgement.target {
                by_target.entry(target).or_default().push(found);
            }
        }
        let mut markers = LoadedBefore::default();
        for (target, found) in by_target {
            match self.markers_of(target, &found).await {
                Ok(loaded) => markers.loaded.extend(loaded),
                Err(AppError::Warehouse(error)) => {
                    markers.unanswered.push((target.clone(), with_causes(&error)));
                }
                Err(error) => return Err(error),
            }
        }
        let ids: Vec<LoadId> = markers.loaded.values().copied().collect();
        let states = self.app().store.states_of(&ids).await?;
        let is_known = |load: &LoadId| states.iter().any(|(id, state)| id == load && state.is_some());
        markers.loaded.retain(|_, load| !is_known(load));
        Ok(markers)
    }

    async fn markers_of(&self, target: &Target, found: &[&Found]) -> Result<Vec<(String, LoadId)>, AppError> {
        let Some(since) = found.iter().map(|found| found.sighting.modified_at).min() else {
            return Ok(vec![]);
        };
        let urls: Vec<String> = found.iter().map(|found| found.url.clone()).collect();
        let sql = marker::object_query(&target.table, &urls, since - CLOCKS_DIFFER)
            .map_err(|error| Engine(error.into()))?;
        let warehouse = &self.app().warehouse;
        let rows = match warehouse.run(&target.warehouse, &sql, LOOK_PATIENCE).await {
            Ok(rows) => rows,
            // No load into this table has happened yet, so there are no markers.
            Err(error) if error.names_what_is_missing() => vec![],
            Err(error) => return Err(error.into()),
        };
        Ok(rows.into_iter().filter_map(marker_row).collect())
    }
}

/// The object of a marker, and its load.
fn marker_row(row: Vec<Option<String>>) -> Option<(String, LoadId)> {
    let [Some(load), Some(url)] = <[Option<String>; 2]>::try_from(row).ok()? else {
        return None;
    };
    Some((url, LoadId::parse(&load)?))
}

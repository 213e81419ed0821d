//! Letting a file happen again, as a load of its own that names the one it replays.
//!
//! The replay is put on the ledger and left to whoever prepares next, the reconciler at the latest: only the role that ran a
//! Data API statement may describe it, so the functions must submit what the functions are to settle.

use longshore_domain::load::LoadState;
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::{FileRule, ResendPolicy};
use longshore_store::{
    Destination, DifferenceKind, Load, MarkerDifference, NewReplay, Replaceable, Replayed, SettledAs,
};

use super::{Judged, Operate};
use crate::AppError;
use crate::plan::{LoadPlan, warehouse_of};

/// What the operator says about rows that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayChoice {
    /// They are replaced, or the replay is refused.
    Replace,
    /// They stay, and the file's come beside them.
    AcceptDuplicates,
}

/// How a load would happen again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPlan {
    /// What would be done, for people.
    pub sentence: String,
    replay: NewReplay,
}

impl Operate<'_> {
    /// Whether a load can happen again, and how.
    pub async fn judge_replay(
        &self,
        load: &Load,
        choice: ReplayChoice,
    ) -> Result<Judged<ReplayPlan>, AppError> {
        if load.is_batch() {
            return Ok(Err(format!(
                "it carries the files of others; have those loaded again with: longshore batch reprocess {} --why TEXT",
                load.id
            )));
        }
        let whole = match load.parent {
            Some(parent) => self.app.store.load(parent).await?.unwrap_or_else(|| load.clone()),
            None => load.clone(),
        };
        if let Some(refused) = self.is_under_way(load, &whole).await? {
            return Ok(Err(refused));
        }
        let resend = match self.judge_rows(load, choice).await? {
            Ok(resend) => resend,
            Err(refused) => return Ok(Err(refused)),
        };
        let (read_key, place) = match self.find_file(&whole).await? {
            Some((read_key, place)) => (read_key, place),
            None => {
                return Ok(Err(format!(
                    "its file is neither at {} nor in the archive; put it again",
                    whole.object.url()
                )));
            }
        };
        let rows = match resend {
            ResendPolicy::Reload => "its rows are replaced",
            ResendPolicy::Accept => "rows that are there stay, and the file's come beside them",
            ResendPolicy::Skip => "nothing of it is loaded yet",
        };
        let part = load
            .record_type
            .as_ref()
            .map(|part| format!("its {part} records of "))
            .unwrap_or_default();
        let target = load.target.as_ref();
        let only = target
            .map(|target| format!(" into {target} alone"))
            .unwrap_or_default();
        Ok(Ok(ReplayPlan {
            sentence: format!("load {part}{place} again{only}; {rows}"),
            replay: NewReplay {
                object: whole.object.clone(),
                whole: whole.id,
                replays: load.id,
                only_record_type: load.record_type.clone(),
                target: load.target.clone(),
                read_key,
                resend,
            },
        }))
    }

    /// Puts the replay on the ledger. Gives the new load, or who was faster.
    pub async fn replay(&self, plan: &ReplayPlan) -> Result<Judged<Load>, AppError> {
        let now = self.app.clock.now();
        let replayed = self.app.store.replay(&plan.replay, self.operator, now).await?;
        Ok(match replayed {
            Replayed::Made(load) => Ok(*load),
            Replayed::Busy(other) => Err(format!(
                "load {other} of the same content is under way or waits; look again when it is done"
            )),
        })
    }

    async fn is_under_way(&self, load: &Load, whole: &Load) -> Result<Option<String>, AppError> {
        if load.finished_at.is_none() {
            return Ok(Some(format!(
                "it is {} and not done; wait for its end, or see: longshore load show {}",
                load.state, load.id
            )));
        }
        let parts = self.app.store.children(whole.id).await?;
        if let Some(part) = parts.iter().find(|part| part.finished_at.is_none()) {
            let what = match (&part.target, part.id == load.id) {
                (Some(target), false) => {
                    format!("the file is still on its way to {target}: load {}", part.id)
                }
                _ => format!("its part {}", part.id),
            };
            return Ok(Some(format!(
                "{what} is {} and not done; wait for its end",
                part.state
            )));
        }
        let others = self.app.store.same_content(whole.id).await?;
        let other = others
            .iter()
            .find(|other| other.is_under_way || other.state == LoadState::Received);
        Ok(other.map(|other| {
            format!(
                "load {} of the same content is {}; look again when it is done",
                other.load, other.state
            )
        }))
    }

    /// What is to be done about rows that are there. A whole file that was cut, or goes to several warehouses, is judged part by
    /// part when it is loaded; of one that is there but for a part, that part is loaded.
    async fn judge_rows(&self, load: &Load, choice: ReplayChoice) -> Result<Judged<ResendPolicy>, AppError> {
        if choice == ReplayChoice::AcceptDuplicates {
            return Ok(Ok(ResendPolicy::Accept));
        }
        if let Some(refused) = self.is_loaded_all_the_same(load).await? {
            return Ok(Err(refused));
        }
        if load.state == LoadState::Split || load.deliveries.is_some() {
            let parts = self.app.store.children(load.id).await?;
            let is_whole = parts.iter().all(|part| part.loaded_at.is_some());
            return Ok(Ok(match is_whole {
                true => ResendPolicy::Reload,
                false => ResendPolicy::Skip,
            }));
        }
        if load.loaded_at.is_some() {
            return self.judge_replacement(load).await;
        }
        let destination = self.destination(load).await?;
        let others = self.app.store.replaceable(load.id).await?;
        let is_loaded =
            |other: &&Replaceable| other.target == load.target && other.destination.is_that_of(&destination);
        Ok(match others.iter().rfind(is_loaded) {
            None => Ok(ResendPolicy::Skip),
            Some(other) => Err(format!(
                "the same content was loaded as load {}; replay that one, or say --accept-duplicates",
                other.load
            )),
        })
    }

    /// Of a load, or a part of it, that is failed on the ledger, and whose marker is in the warehouse: the marker is of another id than
    /// the replay's, so nothing would keep the rows from coming twice.
    async fn is_loaded_all_the_same(&self, load: &Load) -> Result<Option<String>, AppError> {
        let parts = self.app.store.children(load.id).await?;
        let loads: Vec<_> = parts.iter().chain([load]).map(|load| load.id).collect();
        let differences = self.app.store.differences_of(&loads).await?;
        let is_there = |difference: &&MarkerDifference| {
            let settled = difference.settled.as_ref().map(|settled| settled.settled_as);
            difference.kind == DifferenceKind::FailedAndLoaded
                && matches!(settled, None | Some(SettledAs::Adopted))
        };
        Ok(differences.iter().find(is_there).map(|difference| {
            format!(
                "load {} failed on the ledger, and its rows are in {}; delete them by hand and say --accept-duplicates",
                difference.load, difference.table
            )
        }))
    }

    /// Where a load's rows would go. One that failed before it had a plan would go where its rule says.
    async fn destination(&self, load: &Load) -> Result<Destination, AppError> {
        let mut destination = self.app.store.destination(load).await?;
        if destination.warehouse.is_none() {
            let rule = self.rule_of(load).await?;
            destination.warehouse = rule.map(|rule| warehouse_of(self.app, &rule));
        }
        Ok(destination)
    }

    async fn rule_of(&self, load: &Load) -> Result<Option<FileRule>, AppError> {
        let row = match load.rule {
            Some(rule) => self.app.store.rule(rule).await?,
            None => None,
        };
        Ok(row.as_ref().and_then(|row| FileRule::from_row(row).ok()))
    }

    async fn judge_replacement(&self, load: &Load) -> Result<Judged<ResendPolicy>, AppError> {
        let Some(rule) = self.rule_of(load).await? else {
            return Ok(Err(
                "its rule is gone, switched off or at fault; see: longshore rule list".to_owned(),
            ));
        };
        if !rule.mode.is_append() {
            return Ok(Ok(ResendPolicy::Reload));
        }
        let had_column = LoadPlan::read(load.plan.as_ref()).and_then(|plan| plan.load_id_column);
        Ok(match (&rule.load_id_column, had_column) {
            (Some(_), Some(_)) => Ok(ResendPolicy::Reload),
            (None, _) => Err(format!(
                "its rows are in the warehouse, and rule {} has no load_id_column to replace them by; delete them by \
                 hand and say --accept-duplicates",
                rule.id
            )),
            (Some(_), None) => Err(
                "its rows hold no load id to replace them by; delete them by hand and say --accept-duplicates"
                    .to_owned(),
            ),
        })
    }

    /// Where the file is: where it landed, or the newest copy of its content in the archive.
    async fn find_file(&self, whole: &Load) -> Result<Option<(Option<ObjectKey>, String)>, AppError> {
        let object = &whole.object;
        let head = self.app.objects.head(&object.bucket, &object.key).await?;
        let is_there = head.is_some_and(|head| match &object.version {
            Some(version) => head.version.as_ref() == Some(version),
            None => head.etag == object.etag,
        });
        if is_there {
            return Ok(Some((None, object.key.to_string())));
        }
        let others = self.app.store.same_content(whole.id).await?;
        let copies = others.into_iter().filter_map(|other| other.archived_key);
        for key in whole.archived_key.clone().into_iter().chain(copies) {
            let head = self.app.objects.head(&object.bucket, &key).await?;
            if head.is_some_and(|head| head.size_bytes == object.size_bytes) {
                let place = key.to_string();
                return Ok(Some((Some(key), place)));
            }
        }
        Ok(None)
    }
}

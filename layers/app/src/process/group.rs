//! Gathering the files of a set.

use longshore_domain::group::{read_control_file, set_of};
use longshore_domain::object::Object;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{GroupPart, GroupRole, RuleId, RuleRow};
use longshore_store::{JoiningSet, Load, Source, set_id};
use tracing::info;

use super::{ObjectOutcome, ProcessObject, ToGo};
use crate::AppError;
use crate::batch::Recipe;
use crate::group::{self, SetPart};
use crate::prepare::{Copyable, read_whole};

/// A control file of more bytes lists more than fits into one transaction.
const MOST_BYTES: u64 = 1 << 20;

impl ProcessObject<'_> {
    /// A file that says something of its set and is not loaded itself: it waits with the others.
    pub(super) async fn join_as_leader(
        &self,
        load: Load,
        row: &RuleRow,
        part: &GroupPart,
    ) -> Result<ObjectOutcome, AppError> {
        let (load, said) = match part.role {
            GroupRole::Control => {
                // Loaded again, it lies in the archive.
                let (load, source) = self.find_bytes(load, &[]).await?;
                match self.read_control(&source).await? {
                    Ok(lists) => (load, SetPart::Control { lists }),
                    Err(reason) => return self.reject(load, reason).await,
                }
            }
            GroupRole::Sentinel | GroupRole::Data => (load, SetPart::Sentinel),
        };
        let sources = vec![Source {
            key: load.object.key.clone(),
            size_bytes: load.object.size_bytes,
        }];
        let brings = Brings {
            part: said,
            sources,
            prepared: false,
            rows_expected: None,
        };
        self.join_set(load, row, part, brings).await
    }

    /// Puts a prepared file where the others of its set wait. What would keep it from being loaded alone would spoil the set:
    /// that is looked for here, while it is the file's own affair.
    pub(super) async fn gather_in_set(
        &self,
        load: Load,
        row: &RuleRow,
        copyable: Copyable,
        part: &GroupPart,
    ) -> Result<ObjectOutcome, AppError> {
        let ToGo { load, table, .. } = match Box::pin(self.plan_for_tables(load, &copyable, &[])).await? {
            Ok(to_go) => to_go,
            Err(outcome) => return Ok(outcome),
        };
        let recipe = Recipe::of(self.app, row, &copyable, &table, &load.captures);
        let brings = Brings {
            part: SetPart::Data {
                recipe: Box::new(recipe),
            },
            sources: copyable.sources(),
            prepared: copyable.is_prepared_copy,
            rows_expected: copyable.records,
        };
        self.join_set(load, row, part, brings).await
    }

    async fn join_set(
        &self,
        load: Load,
        row: &RuleRow,
        part: &GroupPart,
        brings: Brings,
    ) -> Result<ObjectOutcome, AppError> {
        let set = match set_of(part, &load.object.key, &load.captures) {
            Ok(set) => set,
            Err(placeholder) => {
                let reason = RejectReason::PlaceholderUnresolved {
                    rule: RuleId(row.ext_file_config_sid),
                    column: "group_key".to_owned(),
                    placeholder,
                };
                return self.reject(load, reason).await;
            }
        };
        let joining = JoiningSet {
            buffer: set_id(&load.object.bucket, &part.group, &set),
            group: part.group.clone(),
            set,
            part: serde_json::to_value(&brings.part).map_err(|error| AppError::Engine(error.into()))?,
            rows_expected: brings.rows_expected,
            sources: brings.sources,
            prepared: brings.prepared,
            duration: self.worked_on(&load),
        };
        let now = self.app.clock.now();
        self.app
            .store
            .join_set(load.id, &joining, now, self.actor())
            .await?;
        info!(
            "{} waits for the others of set {} of group {}",
            load.object.key, joining.set, joining.group
        );
        Ok(ObjectOutcome::Batched {
            load_id: load.id,
            buffer_id: joining.buffer,
        })
    }

    /// Why a file of a group cannot be loaded, whatever is in it.
    pub(super) async fn fault_of_group(
        &self,
        part: &GroupPart,
        rule: RuleId,
    ) -> Result<Option<RejectReason>, AppError> {
        group::fault_of(self.app, &part.group, rule).await
    }

    async fn read_control(&self, file: &Object) -> Result<Result<Vec<String>, RejectReason>, AppError> {
        let refused = |problem: String| RejectReason::Content {
            fault: "control_file".to_owned(),
            message: problem,
            line: None,
            byte: None,
        };
        let bytes = match read_whole(self.app, file, MOST_BYTES).await? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                return Ok(Err(refused(format!(
                    "the control file has {} bytes, and {MOST_BYTES} are the most",
                    file.size_bytes
                ))));
            }
            Err(gone) => return Ok(Err(gone)),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(Err(refused("the control file is not UTF-8".to_owned())));
        };
        Ok(read_control_file(&text).map_err(|problem| refused(format!("the control file: {problem}"))))
    }
}

/// What a load brings into its set.
struct Brings {
    part: SetPart,
    sources: Vec<Source>,
    prepared: bool,
    rows_expected: Option<u64>,
}

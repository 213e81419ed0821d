//! What the rules say about a key today, without putting anything on record.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use longshore_copy::transaction::check_placeholders;
use longshore_copy::{CopySpec, marker};
use longshore_domain::matching::{self, Captures, Match};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{FileRule, RuleId, RuleRow, fingerprint};
use longshore_domain::target::{TableName, Warehouse};

use crate::follow_up;
use crate::ports::WarehouseError;
use crate::process::resolve_table;
use crate::{App, AppError};

/// How long a look at a table may take: a run is under a minute.
const LOOK_PATIENCE: Duration = Duration::from_secs(15);

/// Judges keys; asks for a table once per run.
pub(super) struct Judge<'a> {
    app: &'a App,
    queue: Option<QueueName>,
    tables: HashMap<Target, bool>,
    /// Targets that gave no answer.
    given_up: HashSet<Target>,
}

/// A table in a warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) warehouse: Warehouse,
    pub(super) table: TableName,
}

/// What the rules say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Tells these rules from others.
    pub(super) fingerprint: String,
    /// Whether a rule takes the file. Whether the file is sound is not asked.
    pub(super) is_accepted: bool,
    /// That rule.
    pub(super) rule: Option<RuleId>,
    /// Where its rows would go; `None` also when it is cut by record type.
    pub(super) target: Option<Target>,
}

impl<'a> Judge<'a> {
    /// Judges keys as if this queue had announced them, or as no queue does.
    pub(super) fn new(app: &'a App, queue: Option<QueueName>) -> Self {
        Self {
            app,
            queue,
            tables: HashMap::new(),
            given_up: HashSet::new(),
        }
    }

    pub(super) fn queue(&self) -> Option<&QueueName> {
        self.queue.as_ref()
    }

    pub(super) async fn judge(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Judgement, AppError> {
        let rows = self.app.store.candidate_rules(key, self.queue()).await?;
        let accepted = match matching::find_announced(&rows, Some(bucket), key, self.queue()) {
            Match::One { row, captures } => accept(row, &captures),
            Match::None | Match::Ignored(_) | Match::Several(_) | Match::Unreadable(_) => None,
        };
        let mut fingerprint = fingerprint(&rows);
        let mut accepted = accepted;
        if let Some((rule, _)) = &accepted
            && let Some(name) = rule.follow_up.as_deref().and_then(follow_up::named)
        {
            let chain = self.app.store.chain(name).await?;
            // A file that was refused for its chain is taken up once that is mended, which leaves the rules as they are.
            let written = chain.as_ref().map(|chain| chain.modified_at.to_rfc3339());
            fingerprint = format!("{fingerprint} {name} {}", written.as_deref().unwrap_or("-"));
            if chain.is_none_or(|chain| follow_up::read_chain(&chain).is_err()) {
                accepted = None;
            }
        }
        Ok(Judgement {
            fingerprint,
            is_accepted: accepted.is_some(),
            rule: accepted.as_ref().map(|(rule, _)| rule.id),
            target: accepted.and_then(|(rule, table)| {
                Some(Target {
                    warehouse: rule
                        .warehouse
                        .unwrap_or_else(|| self.app.config.warehouse.clone()),
                    table: table?,
                })
            }),
        })
    }

    /// A target that gave no answer is not asked again in this run.
    pub(super) fn give_up(&mut self, target: Target) {
        self.given_up.insert(target);
    }

    pub(super) fn has_given_up(&self, target: &Target) -> bool {
        self.given_up.contains(target)
    }

    /// Whether a table can be read.
    pub(super) async fn has_table(&mut self, target: &Target) -> Result<bool, AppError> {
        if let Some(known) = self.tables.get(target) {
            return Ok(*known);
        }
        let Ok(look) = marker::target_query(&target.table) else {
            return Ok(false);
        };
        let looked = self.app.warehouse.run(&target.warehouse, &look, LOOK_PATIENCE);
        let is_there = match looked.await {
            Ok(_) => true,
            Err(WarehouseError::StatementFailed { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        self.tables.insert(target.clone(), is_there);
        Ok(is_there)
    }
}

/// The rule and its table with the placeholders filled; `None` when the file would be refused for the rule's sake.
fn accept(row: &RuleRow, captures: &Captures) -> Option<(FileRule, Option<TableName>)> {
    let rule = FileRule::from_row(row).ok()?;
    let table = resolve_table(&rule, captures).ok()?;
    if table.is_some() {
        CopySpec::from_rule(&rule, &rule.columns).ok()?;
        check_placeholders(&rule, captures).ok()?;
    }
    if let Some(follow_up) = &rule.follow_up {
        follow_up::read(follow_up).ok()?;
    }
    Some((rule, table))
}

//! Finding the rule of a load and what it says.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::matching::{self, Captures, Match};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FilePlace, FileRule, Interface, RuleFault, RuleFaults, RuleId, RuleRow};
use longshore_domain::target::TableName;
use longshore_store::{Load, MatchedRule};
use tracing::info;

use super::ProcessObject;
use crate::AppError;

/// A load whose rule is known, on the ledger too.
pub(super) struct Identified {
    pub load: Load,
    pub rule: FileRule,
    /// The rule as the tables hold it.
    pub row: RuleRow,
}

/// Why a load does not go on under a rule.
pub(super) enum Unidentified {
    /// It is refused.
    Refused(Box<Load>, RejectReason),
    /// Its rule passes it over.
    Ignored(Box<Load>),
    /// Its rule is paused.
    Waits {
        load: LoadId,
        /// At the latest.
        until: DateTime<Utc>,
    },
}

/// A load with its rule, or why it does not go on.
type Identification = Result<Identified, Unidentified>;

/// A load that waits for a paused rule is woken when that is resumed; should that be missed, it looks again so long after.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(1);

fn refused(load: Load, reason: RejectReason) -> Identification {
    Err(Unidentified::Refused(Box::new(load), reason))
}

impl ProcessObject<'_> {
    /// Finds the one rule of an object.
    pub(super) async fn identify(&self, load: Load) -> Result<Identification, AppError> {
        let (key, queue) = (&load.object.key, load.queue.as_ref());
        let rows = self.app.store.candidate_rules(key, queue).await?;
        match matching::find_announced(&rows, Some(&load.object.bucket), key, queue) {
            Match::One { row, captures } => self.adopt(load, row, captures).await,
            Match::Ignored(row) => {
                let load = self.record(load, row, None, Captures::new()).await?;
                Ok(Err(Unidentified::Ignored(Box::new(load))))
            }
            Match::None => {
                let reason = RejectReason::NoRule {
                    token: load.object.key.token().to_owned(),
                    url: load.object.url(),
                };
                Ok(refused(load, reason))
            }
            // Its own faults say more than "no rule", and keep the file where it is.
            Match::Unreadable(row) => self.adopt(load, row, Captures::new()).await,
            Match::Several(rules) => {
                // The feed is known all the same when the rules agree on it, and then the audit should say so.
                let load = match one_interface(&rows, &rules) {
                    Some(row) => self.record(load, row, None, Captures::new()).await?,
                    None => load,
                };
                Ok(refused(load, RejectReason::RuleAmbiguous { rules }))
            }
        }
    }

    /// Finds the rule of a record type: exactly one by the token `<token>-<prefix>`.
    pub(super) async fn identify_part(&self, load: Load, token: &str) -> Result<Identification, AppError> {
        // As file_prefix is read: there a dot at the end does not count, so a type that ends in one has to do without it.
        let token = token.trim_end_matches('.');
        let rows = self.app.store.rules_of_token(token).await?;
        match matching::find_by_token(&rows, token) {
            Match::One { row, captures } => self.adopt(load, row, captures).await,
            Match::None | Match::Unreadable(_) | Match::Ignored(_) => {
                let reason = RejectReason::NoRule {
                    token: token.to_owned(),
                    url: load.object.url(),
                };
                Ok(refused(load, reason))
            }
            Match::Several(rules) => Ok(refused(load, RejectReason::RuleAmbiguous { rules })),
        }
    }

    /// Takes a load under a rule.
    pub(super) async fn adopt(
        &self,
        load: Load,
        row: &RuleRow,
        captures: Captures,
    ) -> Result<Identification, AppError> {
        let row = match replayed_target(&load) {
            None => row,
            Some(target) => match row.delivered_to(target) {
                Some(delivered) => &delivered.clone(),
                None => {
                    let reason = no_such_target(row, target);
                    return Ok(refused(self.record(load, row, None, captures).await?, reason));
                }
            },
        };
        let load = match row.paused {
            true => match self.wait_for(load, row, captures.clone()).await? {
                Ok(load) => load,
                Err(waits) => return Ok(Err(waits)),
            },
            false => load,
        };
        let rule = match FileRule::from_row(row) {
            Ok(rule) => rule,
            Err(faults) => {
                let load = self.record(load, row, None, captures).await?;
                return Ok(refused(load, RejectReason::RuleInvalid(faults)));
            }
        };
        let table = match resolve_table(&rule, &captures) {
            Ok(table) => table,
            Err(placeholder) => {
                let reason = RejectReason::TargetUnresolved {
                    rule: rule.id,
                    placeholder,
                };
                return Ok(refused(self.record(load, row, None, captures).await?, reason));
            }
        };
        let load = self.record(load, row, table, captures).await?;
        Ok(Ok(Identified {
            load,
            rule,
            row: row.clone(),
        }))
    }

    /// Lets a load wait for a paused rule; it goes on when that was resumed this very moment.
    async fn wait_for(
        &self,
        load: Load,
        row: &RuleRow,
        captures: Captures,
    ) -> Result<Result<Load, Unidentified>, AppError> {
        let rule = RuleId(row.ext_file_config_sid);
        let load = self.record(load, row, None, captures).await?;
        let until = self.app.clock.now() + LONGEST_WAIT;
        let moved = self.app.store.wait_for_rule(load.id, rule, until).await?;
        if !moved.has_moved() {
            return Ok(Ok(moved.into_load()));
        }
        info!(rule.id = %rule, "let {} wait for rule {rule}, which is paused", load.object.key);
        Ok(Err(Unidentified::Waits { load: load.id, until }))
    }

    async fn record(
        &self,
        load: Load,
        row: &RuleRow,
        table: Option<TableName>,
        captures: Captures,
    ) -> Result<Load, AppError> {
        let matched = MatchedRule {
            rule: RuleId(row.ext_file_config_sid),
            version: row.rule_version,
            interface: Interface {
                id: row.ext_interface_cid.clone(),
                name: row.interface_name.clone(),
            },
            table,
            captures,
            place: FilePlace::of(row),
        };
        Ok(self.app.store.record_match(load.id, &matched).await?.into_load())
    }
}

/// The one target that a replay of a delivery is for.
fn replayed_target(load: &Load) -> Option<&str> {
    load.target.as_deref().filter(|_| load.parent.is_none())
}

fn no_such_target(row: &RuleRow, target: &str) -> RejectReason {
    RejectReason::RuleInvalid(RuleFaults {
        rule: RuleId(row.ext_file_config_sid),
        faults: vec![RuleFault::new(
            "further_targets",
            format!(
                "does not name {target} any more, which this load is for; name it again, or leave the file where it is"
            ),
        )],
    })
}

pub(crate) fn resolve_table(rule: &FileRule, captures: &Captures) -> Result<Option<TableName>, String> {
    let Some(table) = &rule.table else { return Ok(None) };
    Ok(Some(TableName {
        schema: matching::fill_placeholders(&table.schema, captures)?,
        table: matching::fill_placeholders(&table.table, captures)?,
    }))
}

fn one_interface<'rows>(rows: &'rows [RuleRow], rules: &[RuleId]) -> Option<&'rows RuleRow> {
    let mut named = rows
        .iter()
        .filter(|row| rules.iter().any(|rule| rule.0 == row.ext_file_config_sid));
    let first = named.next()?;
    named
        .all(|row| row.ext_interface_cid == first.ext_interface_cid)
        .then_some(first)
}

//! What each mode does with the rows that the target has.
//!
//! *Truncate* deletes, because `TRUNCATE` commits. *Replace period* deletes the rows of the period that the file's key tells,
//! and lets no row of another period in: such a row would stay when the period is delivered again. *Merge* deletes the rows
//! whose key comes with a newer row, then inserts. It is no `MERGE`, which takes nothing but equalities to match rows by and
//! fails when a key comes twice (<https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html>).
//!
//! Of rows of one key the newest wins, by the columns of `merge_order`, the first one first; NULL is older than anything. It
//! wins among the rows of the load, where equals are settled by their other columns, the larger value first: COPY keeps no
//! order of lines, so that nothing else would give the same row twice. Against the target an equal row changes nothing. Without
//! `merge_order` the incoming row wins, and a key that comes twice fails the load. A row without a key fails it too: NULL
//! equals nothing, so each delivery would add it again.

use longshore_domain::rule::{LoadMode, MergeBy, Period};
use longshore_domain::statement::LoadStep;

use super::parts::Parts;
use super::quote::{list, name};
use super::{LoadRequest, TransactionError};
use crate::identifier::Identifier;
use crate::literal::Literal;
use crate::own_sql::{period_end, period_value};

/// The place of a row among those of its key. The `$` keeps it apart from any column that a file brings.
const RANK: &str = "longshore$rank";

/// A mode with every name and text quoted by type.
pub(super) enum Mode {
    Append,
    Truncate,
    Merge {
        keys: Vec<Identifier>,
        order: Vec<Identifier>,
        /// The newest row of each key, where an order tells it.
        newest: Option<Identifier>,
    },
    ReplacePeriod {
        /// What the target's rows are found by.
        period: (Identifier, Literal),
        /// Where the period is a span: its end, which is not in it.
        end: Option<Literal>,
        /// Whether the file brings the column; otherwise the load fills it.
        is_in_file: bool,
    },
}

impl Mode {
    pub(super) fn quote(request: &LoadRequest<'_>, section: &str) -> Result<Self, TransactionError> {
        Ok(match request.mode {
            LoadMode::Append => Self::Append,
            LoadMode::Truncate => Self::Truncate,
            LoadMode::Merge(by) => Self::merge(request, by, section)?,
            LoadMode::ReplacePeriod(period) => Self::replace_period(request, period)?,
        })
    }

    fn merge(request: &LoadRequest<'_>, by: &MergeBy, section: &str) -> Result<Self, TransactionError> {
        if request.columns.is_empty() {
            return Err(TransactionError::NothingToMergeBy);
        }
        let quoted = |part: &'static str, names: &[String]| {
            names
                .iter()
                .map(|column| name(part, column))
                .collect::<Result<Vec<_>, _>>()
        };
        let newest = format!("longshore_newest_{}{section}", request.load.as_uuid().simple());
        Ok(Self::Merge {
            keys: quoted("merge_keys", &by.keys)?,
            order: quoted("merge_order", &by.order)?,
            newest: match by.order.is_empty() {
                true => None,
                false => Some(name("stage", &newest)?),
            },
        })
    }

    fn replace_period(request: &LoadRequest<'_>, period: &Period) -> Result<Self, TransactionError> {
        let mut listed = request
            .columns
            .iter()
            .filter(|column| column.place.is_of_the_table());
        Ok(Self::ReplacePeriod {
            period: (
                name("period_column", &period.column)?,
                period_value(period, request.captures)?,
            ),
            end: period_end(period, request.captures)?,
            is_in_file: request.columns.is_empty()
                || listed.any(|column| column.name.eq_ignore_ascii_case(&period.column)),
        })
    }

    /// How many rows must come. A load without any would take the old ones away and bring nothing.
    pub(super) fn fewest_rows(&self) -> u64 {
        match self {
            Self::Truncate | Self::ReplacePeriod { .. } => 1,
            Self::Append | Self::Merge { .. } => 0,
        }
    }

    /// What the load writes into the target beside the file's columns.
    pub(super) fn filled(&self) -> Option<&(Identifier, Literal)> {
        match self {
            Self::ReplacePeriod {
                period,
                is_in_file: false,
                ..
            } => Some(period),
            Self::Append | Self::Truncate | Self::Merge { .. } | Self::ReplacePeriod { .. } => None,
        }
    }

    /// The table of the rows that are moved, when these are not all of the stage.
    pub(super) fn picked(&self) -> Option<&Identifier> {
        match self {
            Self::Merge { newest, .. } => newest.as_ref(),
            Self::Append | Self::Truncate | Self::ReplacePeriod { .. } => None,
        }
    }
}

impl Parts {
    /// Fails on rows in the stage that the mode cannot place.
    pub(super) fn check_rows(&self) -> Vec<(LoadStep, String)> {
        match &self.mode {
            Mode::Append | Mode::Truncate => vec![],
            Mode::Merge { keys, newest, .. } => {
                let mut checks = vec![(LoadStep::KeysPresent, self.check_keys_present(keys))];
                if newest.is_none() {
                    checks.push((LoadStep::KeysUnique, self.check_keys_unique(keys)));
                }
                checks
            }
            Mode::ReplacePeriod {
                period: (column, value),
                end,
                is_in_file: true,
            } => vec![(LoadStep::Period, self.check_period(column, value, end.as_ref()))],
            Mode::ReplacePeriod {
                is_in_file: false, ..
            } => vec![],
        }
    }

    fn check_keys_present(&self, keys: &[Identifier]) -> String {
        let missing: Vec<String> = keys.iter().map(|key| format!("{key} IS NULL")).collect();
        format!(
            "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM {} WHERE {}",
            self.stage,
            missing.join(" OR ")
        )
    }

    fn check_keys_unique(&self, keys: &[Identifier]) -> String {
        let keys = list(keys);
        format!(
            "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END)\nFROM (SELECT {keys} FROM {} GROUP BY {keys} HAVING COUNT(*) > 1) \
             AS repeated",
            self.stage
        )
    }

    fn check_period(&self, column: &Identifier, value: &Literal, end: Option<&Literal>) -> String {
        let is_outside = match end {
            Some(end) => format!("{column} < {value} OR {column} >= {end}"),
            None => format!("{column} <> {value}"),
        };
        format!(
            "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM {} WHERE {is_outside} OR {column} IS NULL",
            self.stage
        )
    }

    /// Takes the rows away whose place the new ones take.
    pub(super) fn make_room(&self) -> Vec<(LoadStep, String)> {
        match &self.mode {
            Mode::Append => vec![],
            Mode::Truncate => vec![(LoadStep::Replace, format!("DELETE FROM {}", self.target))],
            Mode::ReplacePeriod {
                period: (column, value),
                end,
                ..
            } => {
                let is_replaced = match end {
                    Some(end) => format!("{column} >= {value} AND {column} < {end}"),
                    None => format!("{column} = {value}"),
                };
                let delete = format!("DELETE FROM {}\nWHERE {is_replaced}", self.target);
                vec![(LoadStep::Replace, delete)]
            }
            Mode::Merge { keys, order, newest } => {
                let mut statements = Vec::new();
                if let Some(newest) = newest {
                    statements.push((LoadStep::Newest, self.pick_newest(newest, keys, order)));
                    statements.push((LoadStep::Outdated, self.drop_outdated(newest, keys, order)));
                }
                statements.push((LoadStep::Replace, self.delete_merged(keys)));
                statements
            }
        }
    }

    /// Equal rows are told apart by all of their other columns, or any of them could come out on top.
    fn pick_newest(&self, newest: &Identifier, keys: &[Identifier], order: &[Identifier]) -> String {
        let others = self
            .columns
            .iter()
            .filter(|column| !keys.contains(column) && !order.contains(column));
        let ranked: Vec<String> = order
            .iter()
            .chain(others)
            .map(|column| format!("{column} DESC NULLS LAST"))
            .collect();
        let columns = list(&self.columns);
        format!(
            "CREATE TEMP TABLE {newest} AS SELECT {columns}\nFROM (\n    SELECT {columns}, ROW_NUMBER() OVER (\n        PARTITION BY \
             {}\n        ORDER BY {}\n    ) AS \"{RANK}\"\n    FROM {}\n) AS ranked\nWHERE \"{RANK}\" = 1",
            list(keys),
            ranked.join(", "),
            self.stage
        )
    }

    /// Rows that are not newer than every row of their key in the target change nothing.
    fn drop_outdated(&self, newest: &Identifier, keys: &[Identifier], order: &[Identifier]) -> String {
        format!(
            "DELETE FROM {newest}\nUSING {}\nWHERE {}\n    AND {}",
            self.target,
            same_key(&self.target.table, newest, keys),
            not_older(&self.target.table, newest, order)
        )
    }

    fn delete_merged(&self, keys: &[Identifier]) -> String {
        let moved = self.moved();
        format!(
            "DELETE FROM {}\nUSING {moved}\nWHERE {}",
            self.target,
            same_key(&self.target.table, moved, keys)
        )
    }
}

/// Tables are referred to by their bare names: an alias of the table that is deleted from is not in Redshift's grammar.
fn same_key(target: &Identifier, moved: &Identifier, keys: &[Identifier]) -> String {
    let equal: Vec<String> = keys
        .iter()
        .map(|key| format!("{target}.{key} = {moved}.{key}"))
        .collect();
    equal.join("\n    AND ")
}

/// Whether the target's row is as new as the moved one or newer, by the first column in which they differ. A comparison with
/// NULL is neither true nor false, and so counts as false here.
fn not_older(target: &Identifier, moved: &Identifier, order: &[Identifier]) -> String {
    let mut columns = order.iter().rev();
    let last = columns
        .next()
        .map(|column| format!("({moved}.{column} IS NULL OR {target}.{column} >= {moved}.{column})"))
        .unwrap_or_default();
    columns.fold(last, |rest, column| {
        format!(
            "(({target}.{column} > {moved}.{column} OR ({moved}.{column} IS NULL AND {target}.{column} IS NOT NULL))\n    OR \
             (({target}.{column} = {moved}.{column} OR ({moved}.{column} IS NULL AND {target}.{column} IS NULL))\n    AND {rest}))"
        )
    })
}

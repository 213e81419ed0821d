//! A plan on its way into the tables: written, judged in its place with all other rules, and kept if it is meant and sound.

use longshore_domain::rule::RuleFaults;
use longshore_store::{Changed, Operator, Sheet, Store, StoreError, Verdict};

use super::Fault;
use super::draft::{Catalog, Draft};
use super::plan::Plan;
use crate::lint::{doubts, lint};

/// Whether a change is meant to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// What it would do is to be seen, and nothing happens.
    ToBeSeen,
    /// It stays, unless something that it touches is at fault.
    ToStay,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Whether it stayed.
    pub changed: Changed,
    /// What is wrong with the rules that it touches.
    pub faults: Vec<RuleFaults>,
    /// What may be wrong with them.
    pub doubts: Vec<RuleFaults>,
}

/// Writes a plan, looks at all rules with it, and lets it stay if it is meant and nothing that it touches is at fault.
///
/// # Errors
/// Any [`StoreError`] of a write.
pub async fn rehearse(
    store: &Store,
    catalog: &Catalog,
    plan: &Plan,
    operator: &Operator,
    meant: Meant,
) -> Result<Rehearsed, StoreError> {
    let about = plan.change.about.as_deref().unwrap_or_default();
    let chains = store.chains().await?;
    let mut faults = Vec::new();
    let mut doubted = Vec::new();
    let judge = |rows: &[_]| {
        let is_touched = |found: &RuleFaults| about.contains(&found.rule.0);
        faults.extend(lint(rows, &chains).into_iter().filter(is_touched));
        doubted.extend(doubts(rows).into_iter().filter(is_touched));
        match meant == Meant::ToStay && faults.is_empty() {
            true => Verdict::Keep,
            false => Verdict::Undo,
        }
    };
    let changed = store
        .change_rules(&plan.change, &catalog.0, operator, judge)
        .await?;
    Ok(Rehearsed {
        changed,
        faults,
        doubts: doubted,
    })
}

/// The faults of rules at the places of a draft that are to be mended.
pub fn places(faults: &[RuleFaults], draft: &Draft) -> Vec<Fault> {
    let rules = draft
        .entries
        .get(&Sheet::Rule)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut placed = Vec::new();
    for of_rule in faults {
        let number = of_rule.rule.to_string();
        let entry = rules.iter().find(|entry| entry.key(Sheet::Rule) == number);
        for fault in &of_rule.faults {
            let line = entry.map_or(0, |entry| entry.line_of(&fault.column));
            placed.push(Fault::new(line, format!("rule {number}: {fault}")));
        }
    }
    placed
}

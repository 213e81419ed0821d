//! `rule apply`, `rule add`, `rule edit`, `rule pause` and `rule resume`: one way from what is wanted to the tables. What would
//! change is shown first; it is judged in its place, with all other rules, before it stays.

use std::path::Path;

use anyhow::Context;
use longshore_app::rules::change::{Meant, Rehearsed, places, rehearse};
use longshore_app::rules::draft::{self, Catalog, Draft, Entry, Field};
use longshore_app::rules::plan::{self, Plan, Step};
use longshore_app::rules::{Fault, Faults, export, tree};
use longshore_domain::rule::{RuleFaults, RuleId};
use longshore_store::{Changed, RuleBook, RuleRecord, Sheet, Store};
use serde_json::json;

use super::super::dry_run::Earnest;
use super::{no_such_rule, read_catalog};
use crate::cli::HandArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, note};
use crate::read::read_text;

fn changed_meanwhile() -> anyhow::Error {
    input("somebody else changed these rules just now and nothing was done; look at the plan again")
}

/// One change on its way.
struct Change<'a> {
    store: Store,
    catalog: Catalog,
    hand: &'a HandArguments,
    /// None when nothing is said of the change.
    output: Option<Output>,
    /// What the wish is called in messages.
    name: String,
}

impl<'a> Change<'a> {
    async fn begin(
        deployment: &Deployment,
        hand: &'a HandArguments,
        name: impl Into<String>,
        output: impl Into<Option<Output>>,
    ) -> anyhow::Result<Self> {
        let store = deployment.store().await?;
        let catalog = read_catalog(&store).await?;
        Ok(Self {
            store,
            catalog,
            hand,
            output: output.into(),
            name: name.into(),
        })
    }

    fn refuse(&self, list: Vec<Fault>) -> anyhow::Error {
        let name = self.name.clone();
        input(Faults { name, list }.to_string())
    }

    async fn make(&self, draft: &Draft) -> anyhow::Result<ExitStatus> {
        let seen = self.store.rule_book(Some(&plan::about(draft))).await?;
        self.make_of(draft, seen).await?.ok_or_else(changed_meanwhile)
    }

    /// Of the rules as they were seen; `None` when somebody else changed them meanwhile.
    async fn make_of(&self, draft: &Draft, seen: RuleBook) -> anyhow::Result<Option<ExitStatus>> {
        let plan = plan::make(draft, seen, &self.catalog).map_err(|faults| self.refuse(faults))?;
        if plan.steps.is_empty() {
            self.show(&plan, false, &[], &[])?;
            return Ok(Some(ExitStatus::Done));
        }
        let Rehearsed {
            changed,
            faults,
            doubts,
        } = self.rehearse(&plan).await?;
        match changed {
            Changed::Meanwhile => Ok(None),
            Changed::Kept | Changed::Undone => {
                self.show(&plan, changed == Changed::Kept, &faults, &doubts)?;
                if !faults.is_empty() {
                    return Err(self.refuse(places(&faults, draft)));
                }
                Earnest::of(self.hand).close();
                Ok(Some(ExitStatus::Done))
            }
        }
    }

    async fn rehearse(&self, plan: &Plan) -> anyhow::Result<Rehearsed> {
        let meant = match Earnest::of(self.hand) {
            Earnest::Done => Meant::ToStay,
            Earnest::Told => Meant::ToBeSeen,
        };
        rehearse(&self.store, &self.catalog, plan, &self.hand.operator(), meant)
            .await
            .context("write rules")
    }

    fn show(
        &self,
        plan: &Plan,
        done: bool,
        faults: &[RuleFaults],
        doubts: &[RuleFaults],
    ) -> anyhow::Result<()> {
        let Some(output) = self.output else {
            return Ok(());
        };
        if output.is_json() {
            return output
                .json(&json!({ "steps": plan.steps, "done": done, "faults": faults, "warnings": doubts }));
        }
        if plan.steps.is_empty() {
            return output.line("Nothing differs.");
        }
        let rows = plan.steps.iter().flat_map(lines).collect();
        output.table(&["what", "is", "field", "from", "to"], rows)?;
        for doubt in doubts {
            for fault in &doubt.faults {
                note(format!("warning: rule {}: {fault}", doubt.rule));
            }
        }
        Ok(())
    }
}

/// A step as rows of a table.
pub(in crate::commands) fn lines(step: &Step) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = step
        .fields
        .iter()
        .map(|change| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let nothing = String::new;
            vec![
                nothing(),
                nothing(),
                change.field.clone(),
                text(&change.from),
                text(&change.to),
            ]
        })
        .collect();
    if lines.is_empty() {
        lines.push(vec![String::new(); 5]);
    }
    lines[0][0] = step.what.clone();
    lines[0][1] = step.step.as_str().to_owned();
    lines
}

/// Brings the tables to what a document says.
pub(super) async fn apply(
    path: &Path,
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let text = read_text(path)?;
    let change = Change::begin(deployment, hand, path.display().to_string(), output).await?;
    change.make(&change.draft(&text)?).await
}

/// Makes a rule.
pub(super) async fn add(
    assignments: &[String],
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let change = Change::begin(deployment, hand, "rule add", output).await?;
    let mut entry = Entry::default();
    set(&mut entry, Sheet::Rule.key(), change.store.next_rule().await?);
    change.assign(&mut entry, assignments)?;
    let number = RuleId(entry.key(Sheet::Rule).parse().unwrap_or_default());
    let taken = change.store.rule_book(Some(&[number.0])).await?;
    if !taken.rules.is_empty() {
        return Err(input(format!(
            "rule {number} is there; change it with: longshore rule edit {number} FIELD=VALUE --why TEXT"
        )));
    }
    // Made of what was just seen: a number that somebody else takes meanwhile is not written over.
    let made = change.make_of(&about_one(entry), taken).await?;
    made.ok_or_else(changed_meanwhile)
}

/// Changes fields of a rule.
pub(super) async fn edit(
    rule: i32,
    assignments: &[String],
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let change = Change::begin(deployment, hand, "rule edit", output).await?;
    let mut entry = change.entry(rule).await?;
    change.assign(&mut entry, assignments)?;
    change.make(&about_one(entry)).await
}

/// Lets rules rest: their files wait.
pub(super) async fn pause(
    rules: &[i32],
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let note = format!("{} ({})", hand.why, hand.operator);
    rest(rules, Some(note), hand, deployment, output).await
}

/// Lets rules work again, and the files that waited go on.
pub(super) async fn resume(
    rules: &[i32],
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let status = rest(rules, None, hand, deployment, output).await?;
    if hand.yes {
        note("Files that waited are taken up within a minute; at once: longshore reconcile --idle 0");
    }
    Ok(status)
}

async fn rest(
    rules: &[i32],
    why: Option<String>,
    hand: &HandArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let name = if why.is_some() {
        "rule pause"
    } else {
        "rule resume"
    };
    let change = Change::begin(deployment, hand, name, output).await?;
    let mut draft = Draft::default();
    for rule in rules {
        let mut entry = change.entry(*rule).await?;
        // Paused again it keeps the word of who paused it.
        let is_paused = entry.fields.get("paused").and_then(|field| field.text.as_deref()) == Some("true");
        if is_paused != why.is_some() {
            set(&mut entry, "paused", why.is_some());
            let field = Field {
                line: 0,
                text: why.clone(),
            };
            entry.fields.insert("paused_note".to_owned(), field);
        }
        draft.entries.entry(Sheet::Rule).or_default().push(entry);
        let waiting = change.store.waiting_for_rule(RuleId(*rule)).await?;
        if waiting > 0 {
            note(format!("{} for rule {rule}.", super::waiting(waiting)));
        }
    }
    change.make(&draft).await
}

impl Change<'_> {
    /// A rule as it is.
    async fn entry(&self, rule: i32) -> anyhow::Result<Entry> {
        let book: RuleBook = self.store.rule_book(Some(&[rule])).await?;
        let found = book.rules.first().ok_or_else(|| no_such_rule(rule))?;
        Ok(entry_of(found, &self.catalog))
    }

    fn draft(&self, text: &str) -> anyhow::Result<Draft> {
        let root = tree::read(text).map_err(|fault| self.refuse(vec![fault]))?;
        draft::read(&root, &self.catalog).map_err(|faults| self.refuse(faults))
    }

    fn assign(&self, entry: &mut Entry, assignments: &[String]) -> anyhow::Result<()> {
        draft::assign(entry, assignments, &self.catalog).map_err(|faults| self.refuse(faults))
    }
}

fn entry_of(rule: &RuleRecord, catalog: &Catalog) -> Entry {
    let entry = |record, sheet| {
        let fields = catalog.fields(sheet).map(|column| {
            let text = export::value(record, column);
            (column.name.clone(), Field { line: 0, text })
        });
        Entry {
            fields: fields.collect(),
            ..Entry::default()
        }
    };
    let active = rule.columns.iter().filter(|column| export::is_active(column));
    Entry {
        columns: active.map(|column| entry(column, Sheet::Column)).collect(),
        ..entry(&rule.fields, Sheet::Rule)
    }
}

fn set(entry: &mut Entry, field: &str, value: impl ToString) {
    let text = Some(value.to_string());
    entry.fields.insert(field.to_owned(), Field { line: 0, text });
}

fn about_one(entry: Entry) -> Draft {
    Draft {
        entries: [(Sheet::Rule, vec![entry])].into(),
    }
}

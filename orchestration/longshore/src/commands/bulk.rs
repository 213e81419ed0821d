//! `bulk load`: what lies below a prefix, into a table, once.
//!
//! A bulk load is a rule of its own and a backfill under it: the rule takes files by a queue that nothing comes through, leaves
//! them where they lie, and has batches of about equal size. So what is true of any load is true of these, and the same
//! command finds the same rule again.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_app::{App, Backfill, BackfillMode, Invocation, Operate, ReplayChoice};
use longshore_domain::load::LoadState;
use longshore_domain::object::ObjectKey;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{MOST_BATCH_FILES, RuleId};
use longshore_store::{LIST_LIMIT, LoadFilter, Operator, Store};
use serde::Serialize;
use uuid::Uuid;

use super::rule::change::add_all;
use crate::cli::{BulkCommand, BulkLoadArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::import::Imported;
use crate::output::{Output, Progress, note};

/// The feed that every bulk load belongs to.
const FEED: &str = "bulk loads";
/// About so many bytes go through one transaction.
const BATCH_BYTES: u64 = 1 << 30;
/// What is left over waits so long for more.
const BATCH_SECONDS: u32 = 60;
/// So often the rule is written anew when others change rules meanwhile.
const MOST_TRIES: u32 = 10;
/// The pass through the prefix has no other end than that of the listing.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// What lies below the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Heap {
    files: u64,
    bytes: u64,
}

impl Heap {
    /// The fewest batches that hold all of it.
    fn batches(self) -> u64 {
        let by_files = self.files.div_ceil(MOST_BATCH_FILES.into());
        by_files.max(self.bytes.div_ceil(BATCH_BYTES)).max(1)
    }
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Report {
    rule: Option<RuleId>,
    files: u64,
    bytes: u64,
    batches: u64,
    /// Files that were put on the ledger now.
    recorded: u64,
    /// Files that failed before and are tried again.
    again: u64,
    done: bool,
}

/// Carries out a `bulk` command.
pub(crate) async fn run(
    command: BulkCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let BulkCommand::Load(arguments) = command;
    let app = deployment.app().await?;
    let queue = queue_of(&arguments);
    let heap = look(&app, &arguments).await?;
    if heap.files == 0 {
        return Err(input(format!(
            "nothing below {} ends with .{}; say with --extension what the files' names end with",
            arguments.path,
            extension_of(&arguments)
        )));
    }
    let mut rule = rule_of(&app.store, &queue).await?;
    if rule.is_none() {
        let new = NewRule {
            store: app.store.clone(),
            arguments: &arguments,
            queue: &queue,
            heap,
        };
        new.make(deployment, output).await?;
        rule = rule_of(&app.store, &queue).await?;
    }
    let mut report = Report {
        rule,
        files: heap.files,
        bytes: heap.bytes,
        batches: heap.batches(),
        recorded: 0,
        again: 0,
        done: arguments.hand.yes,
    };
    if let Some(rule) = rule.filter(|_| arguments.hand.yes) {
        report.again = replay_failed(&app, &arguments, rule).await?;
        report.recorded = record(&app, &arguments, rule).await?;
    }
    show(&report, output)
}

/// The same load has the same queue, whoever asks for it.
fn queue_of(arguments: &BulkLoadArguments) -> QueueName {
    let said = format!(
        "{}\n{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        arguments.path,
        arguments.table,
        arguments.format,
        arguments.extension,
        arguments.columns,
        arguments.merge_key,
        arguments.merge_order,
        arguments.target,
        arguments.fields
    );
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, said.as_bytes());
    QueueName::stored(format!("bulk-{}", id.simple()))
}

fn extension_of(arguments: &BulkLoadArguments) -> String {
    let extension = arguments.extension.as_ref().unwrap_or(&arguments.format);
    extension.trim_start_matches('.').to_ascii_lowercase()
}

async fn rule_of(store: &Store, queue: &QueueName) -> anyhow::Result<Option<RuleId>> {
    let rows = store
        .candidate_rules(&ObjectKey::new("bulk"), Some(queue))
        .await?;
    let found = rows
        .iter()
        .find(|row| row.queue_name.as_deref() == Some(queue.as_str()));
    Ok(found.map(|row| RuleId(row.ext_file_config_sid)))
}

async fn look(app: &App, arguments: &BulkLoadArguments) -> anyhow::Result<Heap> {
    let ends = format!(".{}", extension_of(arguments));
    let progress = Progress::start(&format!("looking through {}", arguments.path));
    let mut heap = Heap::default();
    let mut after = None;
    loop {
        let page = app.objects.list(&arguments.path, after.as_ref()).await?;
        let named = |key: &ObjectKey| key.file_name().to_ascii_lowercase().ends_with(&ends);
        for object in page.objects.iter().filter(|object| named(&object.key)) {
            heap.files += 1;
            heap.bytes += object.size_bytes;
        }
        progress.step(format!("{} files so far", heap.files));
        after = page.objects.last().map(|object| object.key.clone());
        if page.is_last || after.is_none() {
            return Ok(heap);
        }
    }
}

/// A load for which there is no rule yet.
struct NewRule<'a> {
    store: Store,
    arguments: &'a BulkLoadArguments,
    queue: &'a QueueName,
    heap: Heap,
}

impl NewRule<'_> {
    /// Of several that are made at once each gets a number of its own: one after the other.
    async fn make(&self, deployment: &Deployment, output: Output) -> anyhow::Result<()> {
        // A machine is told of the whole, later.
        let said = Some(output).filter(|output| !output.is_json());
        let hand = &self.arguments.hand;
        for _ in 0..MOST_TRIES {
            let document = self.document().await?;
            let made = add_all(&document, "bulk load", hand, deployment, said).await?;
            if made.is_some() {
                return Ok(());
            }
        }
        Err(input("others change rules all the time just now; try again"))
    }

    /// The rule as a document for `rule apply`, which judges it as any other.
    async fn document(&self) -> anyhow::Result<String> {
        let Self {
            store,
            arguments,
            queue,
            heap,
        } = self;
        let feed = feed(store, FEED).await?;
        let mut bulk = Imported::default();
        bulk.interface.set("ext_interface_cid", &feed);
        bulk.interface.set("interface_name", FEED);
        let rule = &mut bulk.rule;
        rule.set("ext_file_config_sid", store.next_rule().await?);
        rule.set("ext_interface_cid", &feed);
        rule.set("tgt_schema_name", &arguments.table.schema);
        rule.set("tgt_table_name", &arguments.table.table);
        rule.set("file_prefix", format!("{queue}."));
        rule.set("queue_name", queue);
        rule.set("file_format", &arguments.format);
        rule.set("file_type", extension_of(arguments));
        for flag in ["header_flag", "trailer_flag", "split_file_flag", "archive_flag"] {
            rule.set(flag, "N");
        }
        rule.set("file_name_column", "");
        rule.set("batch_files", MOST_BATCH_FILES);
        rule.set("batch_bytes", heap.bytes.div_ceil(heap.batches()).max(1));
        rule.set("batch_seconds", BATCH_SECONDS);
        if let Some(keys) = &arguments.merge_key {
            rule.set("load_mode", "merge");
            rule.set("merge_keys", keys);
        }
        if let Some(order) = &arguments.merge_order {
            rule.set("merge_order", order);
        }
        if let Some(target) = arguments.target {
            rule.set("ext_target_sid", target);
        }
        for field in &arguments.fields {
            let (name, value) = field
                .split_once('=')
                .ok_or_else(|| input(format!("--set {field}: write FIELD=VALUE")))?;
            rule.set(name.trim(), value);
        }
        bulk.columns.clone_from(&arguments.columns);
        Ok(bulk.yaml("bulk load"))
    }
}

/// The number of a feed of ours: that which it has, or the next free one.
pub(super) async fn feed(store: &Store, name: &str) -> anyhow::Result<String> {
    let book = store.rule_book(Some(&[])).await?;
    let number = |feed: &std::collections::BTreeMap<String, String>| feed.get("ext_interface_cid").cloned();
    let is_ours = |feed: &&std::collections::BTreeMap<String, String>| {
        feed.get("interface_name").map(String::as_str) == Some(name)
    };
    if let Some(number) = book.interfaces.iter().find(is_ours).and_then(number) {
        return Ok(number);
    }
    let numbers = book.interfaces.iter().filter_map(number);
    let highest = numbers.filter_map(|number| number.parse::<u128>().ok()).max();
    Ok((highest.unwrap_or_default() + 1).to_string())
}

/// Lets the files of the rule happen again that failed or were refused.
async fn replay_failed(app: &App, arguments: &BulkLoadArguments, rule: RuleId) -> anyhow::Result<u64> {
    let operator = Operator {
        name: arguments.hand.operator.clone(),
        reason: arguments.hand.why.clone(),
    };
    let invocation = invocation(arguments);
    let operate = Operate {
        app,
        invocation: &invocation,
        operator: &operator,
    };
    let mut again = 0;
    for state in [LoadState::Failed, LoadState::Rejected] {
        let filter = LoadFilter {
            state: Some(state),
            rule: Some(rule),
            limit: LIST_LIMIT,
            ..LoadFilter::default()
        };
        let failed = app.store.list_loads(&filter).await?;
        for load in failed.iter().filter(|load| !load.is_batch()) {
            // Whatever is loaded, or under way, by now is refused.
            let Ok(plan) = operate.judge_replay(load, ReplayChoice::Replace).await? else {
                continue;
            };
            again += u64::from(operate.replay(&plan).await?.is_ok());
        }
    }
    Ok(again)
}

async fn record(app: &App, arguments: &BulkLoadArguments, rule: RuleId) -> anyhow::Result<u64> {
    let backfill = Backfill {
        rule,
        place: arguments.path.clone(),
        since: DateTime::<Utc>::UNIX_EPOCH,
        until: None,
        extension: Some(extension_of(arguments)),
        limit: u64::MAX,
    };
    let found = backfill
        .run(app, &invocation(arguments), BackfillMode::Record)
        .await?;
    let report = found.map_err(input)?;
    report.errors.iter().for_each(note);
    Ok(report.recorded)
}

fn invocation(arguments: &BulkLoadArguments) -> Invocation {
    Invocation {
        request_id: format!("bulk load by {}", arguments.hand.operator),
        deadline: Utc::now() + PATIENCE,
    }
}

fn show(report: &Report, output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(report)?;
        return Ok(ExitStatus::Done);
    }
    let count = |count: u64| report.done.then(|| count.to_string());
    output.facts(&[
        ("rule", report.rule.map(|rule| rule.to_string())),
        ("files", Some(report.files.to_string())),
        ("bytes", Some(report.bytes.to_string())),
        ("batches", Some(report.batches.to_string())),
        ("put on the ledger", count(report.recorded)),
        ("tried again", count(report.again)),
    ])?;
    match report.done {
        true => note(
            "The reconciler loads them from now on; at once: longshore reconcile. See: longshore batch list",
        ),
        false => note("Nothing was done; say --yes to do it."),
    }
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_goes_into_as_few_batches_as_hold_it() {
        let batches = |files, bytes| Heap { files, bytes }.batches();
        assert_eq!(batches(1, 1), 1);
        assert_eq!(batches(1_000, 1), 1);
        assert_eq!(batches(1_001, 1), 2);
        assert_eq!(batches(3, BATCH_BYTES * 2 + 1), 3);
    }
}

//! `snapshot load`: the newest data of tables, or that of a date, in place of its period.

use anyhow::{Context, anyhow};
use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use longshore_app::rules::Faults;
use longshore_app::{
    App, CheckedSnapshot, Freshness, Maintain, Replaces, SnapshotInput, SnapshotLoad, SnapshotRule,
};
use longshore_domain::document::Fault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Bucket, ObjectKey, parse_s3_url, s3_url};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{RuleRow, TargetRow};
use longshore_domain::snapshot::{Description, Granularity, Layout};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{Load, Record, Store};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::rule::change::add_all;
use crate::cli::{HandArguments, SnapshotCommand, SnapshotLoadArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, InputError, input};
use crate::import::Imported;
use crate::output::{Output, Progress, note};

/// The feed that every snapshot belongs to.
const FEED: &str = "snapshots";
/// A load that takes longer is left to the reconciler.
const PATIENCE: TimeDelta = TimeDelta::hours(12);
/// So often the rule is written anew when others change rules meanwhile.
const MOST_TRIES: u32 = 20;
/// Steps of vacuums and analyses, ours or others', that are taken before the rest is left to the reconciler.
const MAINTENANCE_STEPS: u32 = 20;
/// Rows that a load may have left in the queue of vacuums and analyses: one of each.
const OF_ONE_LOAD: u32 = 2;

/// Carries out a `snapshot` command.
pub(crate) async fn run(
    command: SnapshotCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let SnapshotCommand::Load(arguments) = command;
    let wishes = wishes(&arguments)?;
    let config = Config::read(arguments.config.as_deref())?;
    let app = deployment.app().await?;
    let warehouse = warehouse_of(&app, arguments.target).await?;
    let run = Run {
        app: &app,
        deployment,
        arguments: &arguments,
        config: &config,
        actor: format!("longshore/{}", Uuid::now_v7()),
        writes_rules: Mutex::new(()),
    };
    let inputs: Vec<SnapshotInput> = wishes
        .into_iter()
        .map(|wish| wish.of(&arguments, &warehouse))
        .collect();
    let progress = Progress::start(&format!("loading {} tables", inputs.len()));
    let outcomes = join_all(inputs.iter().map(|input| Box::pin(run.one(input)))).await;
    drop(progress);
    let named = inputs.iter().map(|input| input.table.to_string());
    conclude(named.zip(outcomes).collect(), output)
}

/// A table and how its snapshots are written: what can be told before anything is read.
struct Wish {
    table: TableName,
    layout: Layout,
    granularity: Granularity,
}

fn wishes(arguments: &SnapshotLoadArguments) -> anyhow::Result<Vec<Wish>> {
    let granularity = Granularity::of(
        &arguments.granularity,
        arguments.stream_start,
        arguments.stream_end,
    )
    .map_err(input)?;
    let mut wishes: Vec<Wish> = vec![];
    for name in &arguments.tables {
        let table = TableName::new(&arguments.schema, name);
        if wishes.iter().any(|wish| wish.table == table) {
            return Err(input(format!("--tables names {name} twice")));
        }
        let layout = match &arguments.layout {
            Some(pattern) => {
                Layout::parse(pattern, &table).map_err(|problem| input(format!("--layout: {problem}")))?
            }
            None => Layout::usual(&table),
        };
        wishes.push(Wish {
            table,
            layout,
            granularity,
        });
    }
    Ok(wishes)
}

impl Wish {
    fn of(self, arguments: &SnapshotLoadArguments, warehouse: &Warehouse) -> SnapshotInput {
        SnapshotInput {
            table: self.table,
            bucket: Bucket::new(&arguments.bucket),
            layout: self.layout,
            date: arguments.date,
            granularity: self.granularity,
            zone: arguments.timezone,
            warehouse: warehouse.clone(),
            rule: SnapshotRule {
                freshness: match arguments.force {
                    true => Freshness::Forced,
                    false => Freshness::Checked,
                },
                replaces: match arguments.truncate {
                    true => Replaces::Everything,
                    false => Replaces::Period,
                },
                compressed: arguments.gzip,
                delimiter: arguments.delimiter.clone(),
                vacuum_rows: (arguments.vacuum_rows > 0).then_some(arguments.vacuum_rows),
            },
        }
    }
}

/// Where the descriptions are.
enum Config {
    /// Beside the data of each table.
    Beside,
    /// An object.
    Object(Bucket, ObjectKey),
    /// A file, read already.
    File { name: String, text: String },
}

impl Config {
    fn read(said: Option<&str>) -> anyhow::Result<Self> {
        let Some(said) = said else { return Ok(Self::Beside) };
        if said.starts_with("s3://") {
            let (bucket, key) =
                parse_s3_url(said).ok_or_else(|| input(format!("--config {said}: write s3://bucket/key")))?;
            return Ok(Self::Object(bucket, key));
        }
        let text = std::fs::read_to_string(said)
            .map_err(|error| input(format!("the description {said} cannot be read: {error}")))?;
        Ok(Self::File {
            name: said.to_owned(),
            text,
        })
    }
}

/// The warehouse of a number in `ext_target`, or the deployment's own.
async fn warehouse_of(app: &App, target: Option<i32>) -> anyhow::Result<Warehouse> {
    let Some(number) = target else {
        return Ok(app.config.warehouse.clone());
    };
    let book = app.store.rule_book(Some(&[])).await?;
    let is_it = |record: &&Record| {
        record
            .get("ext_target_sid")
            .is_some_and(|sid| *sid == number.to_string())
    };
    let record = book.targets.iter().find(is_it).ok_or_else(|| {
        input(format!(
            "--target {number}: there is no such row in ext_target; see: longshore rule export"
        ))
    })?;
    let text = |field: &str| record.get(field).cloned();
    let row = TargetRow {
        target_name: text("target_name").unwrap_or_default(),
        cluster_identifier: text("cluster_identifier"),
        workgroup_name: text("workgroup_name"),
        database_name: text("database_name").unwrap_or_default(),
        secret_arn: text("secret_arn"),
        database_user: text("database_user"),
        iam_role: text("iam_role").unwrap_or_default(),
        region: text("region").unwrap_or_default(),
    };
    row.warehouse()
        .map_err(|fault| input(format!("--target {number}: {fault}")))
}

/// What came of one table.
#[derive(Debug, Serialize)]
struct Report {
    table: String,
    date: String,
    url: String,
    period: String,
    newest_before: Option<String>,
    ddl: Vec<String>,
    statements: Vec<String>,
    load: Option<LoadId>,
    state: Option<LoadState>,
    rows: Option<u64>,
    /// What puts the table in order afterwards, and how far it is.
    maintenance: Vec<String>,
}

/// One run of the command.
struct Run<'a> {
    app: &'a App,
    deployment: &'a Deployment,
    arguments: &'a SnapshotLoadArguments,
    config: &'a Config,
    actor: String,
    /// Rules get their numbers one after the other.
    writes_rules: Mutex<()>,
}

impl Run<'_> {
    async fn one(&self, wanted: &SnapshotInput) -> anyhow::Result<Report> {
        let snapshot = SnapshotLoad {
            app: self.app,
            actor: &self.actor,
            input: wanted,
        };
        let found = snapshot.find().await?.map_err(input)?;
        let description = self.description(&snapshot, wanted, &found).await?;
        let checked = snapshot.check(found, description).await?.map_err(input)?;
        let statements = snapshot.plan(&checked).await?.map_err(input)?;
        let mut report = Report {
            table: wanted.table.to_string(),
            date: checked.found.date.to_string(),
            url: checked.found.object.url(),
            period: snapshot.span(checked.found.date).to_string(),
            newest_before: checked.newest.clone(),
            ddl: checked.ddl.clone(),
            statements,
            load: None,
            state: None,
            rows: None,
            maintenance: vec![],
        };
        if self.arguments.plan {
            return Ok(report);
        }
        self.make_rule(&checked, &wanted.table).await?;
        snapshot.make_fit(&checked).await?;
        let load = snapshot.load(&checked, Utc::now() + PATIENCE).await?;
        report.load = Some(load.id);
        report.state = Some(load.state);
        report.rows = load.rows_loaded;
        settled(&load)?;
        report.maintenance = self.maintain(&load).await?;
        Ok(report)
    }

    async fn description(
        &self,
        snapshot: &SnapshotLoad<'_>,
        wanted: &SnapshotInput,
        found: &longshore_app::FoundSnapshot,
    ) -> anyhow::Result<Description> {
        let (name, text) = match self.config {
            Config::File { name, text } => (name.clone(), text.clone()),
            Config::Object(bucket, key) => (
                s3_url(bucket, key),
                snapshot.read_description(bucket, key).await?.map_err(input)?,
            ),
            Config::Beside => {
                let key = wanted.layout.description_key(&wanted.table, found.date);
                let text = snapshot
                    .read_description(&wanted.bucket, &key)
                    .await?
                    .map_err(input)?;
                (s3_url(&wanted.bucket, &key), text)
            }
        };
        Description::read(&text, &wanted.table)
            .map_err(|list: Vec<Fault>| input(Faults { name, list }.to_string()))
    }

    /// The rule that the snapshot is loaded under, unless it is there.
    async fn make_rule(&self, checked: &CheckedSnapshot, table: &TableName) -> anyhow::Result<()> {
        let _turn = self.writes_rules.lock().await;
        let queue = QueueName::stored(checked.row.queue_name.clone().unwrap_or_default());
        let hand = HandArguments {
            yes: true,
            why: format!("snapshots of {table}"),
            operator: self.arguments.operator.clone(),
        };
        for _ in 0..MOST_TRIES {
            if self.has_rule(&queue).await? {
                return Ok(());
            }
            let document = self.document(&checked.row).await?;
            let made = Box::pin(add_all(&document, "snapshot load", &hand, self.deployment)).await;
            // A second rule of one queue is refused: another command may have made it since we looked.
            if let Err(error) = made
                && !self.has_rule(&queue).await?
            {
                return Err(error);
            }
        }
        Err(anyhow!("others change rules all the time just now; try again"))
    }

    async fn has_rule(&self, queue: &QueueName) -> anyhow::Result<bool> {
        let key = ObjectKey::new("snapshot");
        let rows = self.app.store.candidate_rules(&key, Some(queue)).await?;
        Ok(rows
            .iter()
            .any(|row| row.queue_name.as_deref() == Some(queue.as_str())))
    }

    /// The rule as a document for `rule apply`, which judges it as any other.
    async fn document(&self, row: &RuleRow) -> anyhow::Result<String> {
        let feed = feed(&self.app.store, FEED).await?;
        let mut made = Imported::default();
        made.interface.set("ext_interface_cid", &feed);
        made.interface.set("interface_name", FEED);
        made.rule
            .set("ext_file_config_sid", self.app.store.next_rule().await?);
        made.rule.set("ext_interface_cid", &feed);
        if let Some(target) = self.arguments.target {
            made.rule.set("ext_target_sid", target);
        }
        let fields = serde_json::to_value(row).context("encode the rule")?;
        for (field, value) in fields.as_object().into_iter().flatten() {
            match value {
                Value::String(text) if !IN_THE_DATABASE.contains(&field.as_str()) => {
                    made.rule.set(field, text)
                }
                Value::Number(number) if !IN_THE_DATABASE.contains(&field.as_str()) => {
                    made.rule.set(field, number)
                }
                _ => {}
            }
        }
        made.columns = row
            .columns
            .iter()
            .map(|column| column.column_name.clone())
            .collect();
        Ok(made.yaml("snapshot load"))
    }

    /// Begins what puts the table in order; what takes longer is carried on by the reconciler.
    async fn maintain(&self, load: &Load) -> anyhow::Result<Vec<String>> {
        Maintain { app: self.app }.run(MAINTENANCE_STEPS).await?;
        let left = self
            .app
            .store
            .list_maintenance(Some(load.id), OF_ONE_LOAD)
            .await?;
        let line =
            |one: &longshore_store::Maintenance| format!("{} {}", one.kind.as_str(), one.state.as_str());
        Ok(left.iter().rev().map(line).collect())
    }
}

/// Fields of a row that are numbered anew or kept by the database.
const IN_THE_DATABASE: [&str; 4] = [
    "ext_file_config_sid",
    "ext_interface_cid",
    "interface_name",
    "rule_version",
];

/// What did not end well is a failure of this table; whoever mends it finds the load on the ledger.
fn settled(load: &Load) -> anyhow::Result<()> {
    let id = load.id;
    match load.state {
        LoadState::Complete | LoadState::Loaded | LoadState::Transforming => Ok(()),
        _ if load.finished_at.is_none() => Err(anyhow!(
            "load {id} is {} still; the reconciler carries it on: longshore load show {id}",
            load.state
        )),
        _ => Err(input(format!(
            "load {id} is {}: {}; see: longshore load show {id}",
            load.state,
            load.error.as_deref().unwrap_or("no reason is on record")
        ))),
    }
}

/// Shows what was done, then all failures together.
fn conclude(outcomes: Vec<(String, anyhow::Result<Report>)>, output: Output) -> anyhow::Result<ExitStatus> {
    let (mut reports, mut failures) = (vec![], vec![]);
    for (table, outcome) in outcomes {
        match outcome {
            Ok(report) => reports.push(report),
            Err(error) => failures.push((table, error)),
        }
    }
    if output.is_json() {
        output.json(&reports)?;
    } else {
        show(&reports, output)?;
    }
    if failures.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let is_input = failures
        .iter()
        .any(|(_, error)| error.downcast_ref::<InputError>().is_some());
    let lines: Vec<String> = failures
        .iter()
        .map(|(table, error)| format!("{table}: {error:#}"))
        .collect();
    let all = lines.join("\n");
    match is_input {
        true => Err(input(all)),
        false => Err(anyhow!(all)),
    }
}

fn show(reports: &[Report], output: Output) -> anyhow::Result<()> {
    for report in reports.iter().filter(|report| report.load.is_none()) {
        output.line(format!(
            "-- {} from {}, in place of {}",
            report.table, report.url, report.period
        ))?;
        for statement in report.ddl.iter().chain(&report.statements) {
            output.line(format!("{statement};"))?;
        }
    }
    let done: Vec<&Report> = reports.iter().filter(|report| report.load.is_some()).collect();
    if done.is_empty() {
        if !reports.is_empty() {
            note("Nothing was done; leave --plan out to do it.");
        }
        return Ok(());
    }
    let row = |report: &&Report| {
        vec![
            report.table.clone(),
            report.date.clone(),
            report.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            report.load.map(|load| load.to_string()).unwrap_or_default(),
            report.state.map(|state| state.to_string()).unwrap_or_default(),
            report.maintenance.join(", "),
        ]
    };
    output.table(
        &["table", "date", "rows", "load", "state", "afterwards"],
        done.iter().map(row).collect(),
    )
}

/// The number of a feed of ours: that which it has, or the next free one.
async fn feed(store: &Store, name: &str) -> anyhow::Result<String> {
    let book = store.rule_book(Some(&[])).await?;
    let number = |feed: &Record| feed.get("ext_interface_cid").cloned();
    let is_ours = |feed: &&Record| feed.get("interface_name").map(String::as_str) == Some(name);
    if let Some(number) = book.interfaces.iter().find(is_ours).and_then(number) {
        return Ok(number);
    }
    let numbers = book.interfaces.iter().filter_map(number);
    let highest = numbers.filter_map(|number| number.parse::<u128>().ok()).max();
    Ok((highest.unwrap_or_default() + 1).to_string())
}

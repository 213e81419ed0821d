//! `snapshot load`: the newest data of tables, or that of a date, in place of its period. How the tables of rules stand that do
//! it by themselves is in [`list`].

pub(super) mod list;

use anyhow::anyhow;
use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use longshore_app::{
    App, Asked, CheckedSnapshot, Freshness, Maintain, Replaces, SnapshotInput, SnapshotLoad, SnapshotLoads,
    SnapshotRule, TableChanges, WantedDate, description_of,
};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Bucket, ObjectKey, parse_s3_url, s3_url};
use longshore_domain::rule::TargetRow;
use longshore_domain::snapshot::{Description, Granularity, Layout};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{Load, Operator, Record};
use serde::Serialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::cli::{SnapshotCommand, SnapshotLoadArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, InputError, causes, input};
use crate::output::{Output, Progress, note};

/// A load that takes longer is left to the reconciler.
const PATIENCE: TimeDelta = TimeDelta::hours(12);
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
    let arguments = match command {
        SnapshotCommand::Load(arguments) => arguments,
        SnapshotCommand::List(arguments) => return list::run(&arguments, deployment, output).await,
    };
    let wishes = wishes(&arguments)?;
    let config = Config::read(arguments.config.as_deref())?;
    let app = deployment.app().await?;
    let warehouse = warehouse_of(&app, arguments.target).await?;
    let run = Run {
        app: &app,
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
            date: arguments.date.map_or(WantedDate::Newest, WantedDate::Of),
            granularity: self.granularity,
            zone: arguments.timezone,
            warehouse: warehouse.clone(),
            target: arguments.target,
            feed: None,
            table_changes: TableChanges::Made,
            asked: Asked::ByHand,
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
                loads: SnapshotLoads::default(),
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
            until: Utc::now() + PATIENCE,
        };
        let found = snapshot.find().await?.map_err(input)?;
        let description = self.description(&snapshot, wanted, &found).await?;
        let checked = snapshot.check(found, description).await?.map_err(input)?;
        snapshot.refuse_older(&checked).map_err(input)?;
        let statements = snapshot.plan(&checked).await?.map_err(input)?;
        let mut report = Report {
            table: wanted.table.to_string(),
            date: checked.found.date.to_string(),
            url: checked.found.object.url(),
            period: snapshot.span(checked.found.date).to_string(),
            newest_before: checked.newest.map(|newest| newest.to_string()),
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
        self.make_rule(&snapshot, &checked).await?;
        snapshot.make_fit(&checked).await?;
        let load = snapshot.load(&checked).await?;
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
        description_of(name, &text, &wanted.table).map_err(input)
    }

    /// The rule that the snapshot is loaded under, unless it is there.
    async fn make_rule(&self, snapshot: &SnapshotLoad<'_>, checked: &CheckedSnapshot) -> anyhow::Result<()> {
        let _turn = self.writes_rules.lock().await;
        let operator = Operator {
            name: self.arguments.operator.clone(),
            reason: format!("snapshots of {}", snapshot.input.table),
        };
        let made = Box::pin(snapshot.make_rule(checked, &operator)).await?;
        made.map(drop).map_err(input)
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
        .map(|(table, error)| format!("{table}: {}", causes(error)))
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

//! The Data API over [`Tables`]: tokens that run nothing twice, transactions that commit or fail at a step, load views.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use longshore_app::ports::{
    StatementReport, StatementRun, StepReport, Submission, SubmissionSql, WarehouseClient, WarehouseError,
};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::target::{Login, Warehouse};

use super::calls::Calls;
use super::files::Files;
use super::transaction::{RowFault, Tables, Transaction, after, literals, name_at, quoted, step};

/// The calls' names.
pub(crate) const SUBMIT: &str = "submit";
pub(crate) const DESCRIBE: &str = "describe";
pub(crate) const RUN: &str = "run";
pub(crate) const CANCEL: &str = "cancel";
pub(crate) const FIND: &str = "find";

/// What the warehouse does to a statement that holds a text, once.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    /// It fails with this error, for good.
    Fails(&'static str),
    /// It fails with this error, which means this.
    FailsAs(WarehouseFault, &'static str),
    /// The service refuses the call for now.
    Busy,
    /// The service says that we may not.
    Denied,
    /// It is cancelled.
    Cancelled,
    /// The service refuses the call.
    Refused,
    /// The call takes effect, its answer is lost, and the client's own repetition of it is refused.
    TakenAndRefused,
    /// It takes longer than anyone waits.
    TooSlow,
    /// Another session did the same a moment before, so that it fails.
    Overtaken(&'static str),
}

/// A statement that was handed over.
#[derive(Debug, Clone)]
pub(crate) struct Handed {
    pub(crate) id: String,
    pub(crate) name: String,
    token: String,
    /// Whether the service no longer knows it.
    pub(crate) is_forgotten: bool,
    /// Whether somebody was told of its end: until then it counts as active.
    is_told: bool,
    report: StatementReport,
}

impl Handed {
    /// A statement that this warehouse never saw.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            id: format!("unknown {name}"),
            name: name.to_owned(),
            token: String::new(),
            is_forgotten: true,
            is_told: true,
            report: report(StatementRun::Finished, vec![]),
        }
    }

    /// How it ended.
    pub(crate) fn run(&self) -> StatementRun {
        self.report.run
    }
}

pub(crate) struct ModelWarehouse {
    calls: Arc<Calls>,
    files: Files,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tables: Tables,
    handed: Vec<Handed>,
    follow_ups: Vec<String>,
    ran: Vec<String>,
    faults: BTreeMap<i64, Vec<RowFault>>,
    mishaps: Vec<(&'static str, Mishap)>,
    is_slow: bool,
    locked_out: Option<Login>,
    most_active: Option<usize>,
}

impl ModelWarehouse {
    pub(crate) fn new(calls: Arc<Calls>, files: Files, tables: &[&str]) -> Self {
        let mut state = State::default();
        for table in tables {
            state.tables.targets.insert((*table).to_owned(), Vec::new());
        }
        Self {
            calls,
            files,
            state: Mutex::new(state),
        }
    }

    /// Lets the next statement that holds `text` come to grief.
    pub(crate) fn mishap(&self, text: &'static str, mishap: Mishap) {
        self.state.lock().unwrap().mishaps.push((text, mishap));
    }

    /// Nothing comes to grief any more.
    pub(crate) fn recover(&self) {
        self.state.lock().unwrap().mishaps.clear();
    }

    /// Drops a target.
    pub(crate) fn drop_table(&self, table: &str) {
        self.state.lock().unwrap().tables.targets.remove(table);
    }

    /// The warehouse is as it was before the first load: no marker table is there any more.
    pub(crate) fn drop_marker_tables(&self) {
        self.state.lock().unwrap().tables.markers.clear();
    }

    pub(crate) fn create_table(&self, table: &str) {
        let mut state = self.state.lock().unwrap();
        state.tables.targets.entry(table.to_owned()).or_default();
    }

    /// Eight hours pass: no token is known any more.
    pub(crate) fn forget_tokens(&self) {
        for handed in &mut self.state.lock().unwrap().handed {
            handed.token.clear();
        }
    }

    /// A day passes: no statement is known any more, by token, name or id.
    pub(crate) fn forget_statements(&self) {
        for handed in &mut self.state.lock().unwrap().handed {
            handed.token.clear();
            handed.is_forgotten = true;
        }
    }

    /// Whether every statement is said to be running still.
    pub(crate) fn seem_slow(&self, is_slow: bool) {
        self.state.lock().unwrap().is_slow = is_slow;
    }

    /// From now on the service lets everybody in but those who come as `login`.
    pub(crate) fn lock_out(&self, login: Option<Login>) {
        self.state.lock().unwrap().locked_out = login;
    }

    /// The service takes no more statements at a time than this.
    pub(crate) fn take_at_most(&self, statements: usize) {
        self.state.lock().unwrap().most_active = Some(statements);
    }

    pub(crate) fn tables(&self) -> Tables {
        self.state.lock().unwrap().tables.clone()
    }

    pub(crate) fn rows(&self, table: &str) -> Vec<String> {
        let rows = self.tables().targets.remove(table).unwrap_or_default();
        rows.into_iter().map(|row| row.line).collect()
    }

    /// The statements handed over, in order; all of them have ended.
    pub(crate) fn handed(&self) -> Vec<Handed> {
        self.state.lock().unwrap().handed.clone()
    }

    /// The follow-ups that ran, in order.
    pub(crate) fn follow_ups(&self) -> Vec<String> {
        self.state.lock().unwrap().follow_ups.clone()
    }

    /// The short statements that were asked for, in order.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.state.lock().unwrap().ran.clone()
    }
}

impl State {
    fn let_in(&self, warehouse: &Warehouse) -> Result<(), WarehouseError> {
        match self.locked_out.as_ref() == Some(&warehouse.login) {
            true => Err(not_taken(warehouse, &Mishap::Denied)),
            false => Ok(()),
        }
    }

    fn take_mishap(&mut self, sql: &str, of_the_call: bool) -> Option<Mishap> {
        let index = self.mishaps.iter().position(|(text, mishap)| {
            sql.contains(text)
                && of_the_call
                    == matches!(
                        mishap,
                        Mishap::Refused
                            | Mishap::TakenAndRefused
                            | Mishap::Busy
                            | Mishap::Denied
                            | Mishap::TooSlow
                    )
        })?;
        Some(self.mishaps.remove(index).1)
    }

    fn hand_over(
        &mut self,
        files: &Files,
        warehouse: &Warehouse,
        submission: &Submission,
    ) -> Result<String, WarehouseError> {
        let token = &submission.client_token;
        if let Some(known) = self.handed.iter().find(|handed| handed.token == *token) {
            return Ok(known.id.clone());
        }
        self.let_in(warehouse)?;
        let active = self.handed.iter().filter(|handed| !handed.is_told).count();
        if self.most_active.is_some_and(|most| active >= most) {
            return Err(not_taken(warehouse, &Mishap::Busy));
        }
        let text = match &submission.sql {
            SubmissionSql::Transaction(statements) => statements.join("\n"),
            SubmissionSql::Single(sql) => sql.clone(),
        };
        let refusal = self.take_mishap(&text, true);
        if let Some(mishap) = refusal
            .as_ref()
            .filter(|mishap| !matches!(mishap, Mishap::TakenAndRefused))
        {
            return Err(not_taken(warehouse, mishap));
        }
        let report = match &submission.sql {
            SubmissionSql::Transaction(statements) => self.run_transaction(files, statements),
            SubmissionSql::Single(sql) => self.run_single(sql),
        };
        let id = format!("statement-{}-{}", self.handed.len(), submission.name);
        self.handed.push(Handed {
            id: id.clone(),
            name: submission.name.clone(),
            token: token.clone(),
            is_forgotten: false,
            is_told: false,
            report,
        });
        match refusal {
            Some(mishap) => Err(not_taken(warehouse, &mishap)),
            None => Ok(id),
        }
    }

    fn run_transaction(&mut self, files: &Files, statements: &[String]) -> StatementReport {
        let first_query = 1_000 * (self.handed.len() as i64 + 1);
        let mut work = Transaction::new(self.tables.clone(), files);
        let mut steps: Vec<StepReport> = Vec::new();
        let mut run = StatementRun::Finished;
        for (query_id, sql) in (first_query..).zip(statements) {
            let result = match self.take_mishap(sql, false) {
                Some(Mishap::Fails(error)) => Err(error.to_owned()),
                Some(Mishap::FailsAs(fault, error)) => {
                    let failed = Err(error.to_owned());
                    steps.push(StepReport {
                        fault: Some(fault),
                        ..step(&failed, query_id)
                    });
                    run = StatementRun::Failed;
                    break;
                }
                Some(_) => {
                    run = StatementRun::Aborted;
                    break;
                }
                None => work.run(sql),
            };
            if !work.faults.is_empty() {
                let fault_query = first_query + steps.len() as i64;
                self.faults
                    .entry(fault_query)
                    .or_insert_with(|| std::mem::take(&mut work.faults));
            }
            steps.push(step(&result, query_id));
            if result.is_err() {
                run = StatementRun::Failed;
                break;
            }
        }
        if run == StatementRun::Finished {
            self.tables = work.tables;
        }
        report(run, steps)
    }

    fn run_single(&mut self, sql: &str) -> StatementReport {
        match self.take_mishap(sql, false) {
            Some(Mishap::Fails(error)) => failed_single(WarehouseFault::Data, error),
            Some(Mishap::FailsAs(fault, error)) => failed_single(fault, error),
            Some(_) => report(StatementRun::Aborted, vec![]),
            None => {
                self.follow_ups.push(sql.to_owned());
                report(StatementRun::Finished, vec![])
            }
        }
    }

    fn run_short(
        &mut self,
        warehouse: &Warehouse,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        self.ran.push(sql.to_owned());
        self.let_in(warehouse)?;
        match self.take_mishap(sql, true) {
            Some(Mishap::TooSlow) => {
                return Err(WarehouseError::TooSlow {
                    warehouse: warehouse.to_string(),
                    patience: Duration::from_secs(60),
                });
            }
            Some(mishap) => return Err(not_taken(warehouse, &mishap)),
            None => {}
        }
        match self.take_mishap(sql, false) {
            Some(Mishap::Fails(error)) => return Err(statement_failed(WarehouseFault::Data, error)),
            Some(Mishap::FailsAs(fault, error)) => return Err(statement_failed(fault, error)),
            Some(Mishap::Overtaken(error)) => {
                self.answer(sql)?;
                return Err(statement_failed(WarehouseFault::Configuration, error));
            }
            _ => {}
        }
        self.answer(sql)
    }

    fn answer(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        if sql.starts_with("CREATE SCHEMA") {
            return Ok(vec![]);
        }
        if sql.starts_with("CREATE TABLE") {
            let name = name_at(after(sql, "NOT EXISTS "));
            match name.starts_with("\"longshore\"") {
                true => drop(self.tables.markers.entry(name).or_default()),
                false => self.tables.create_target(&name, sql),
            }
            return Ok(vec![]);
        }
        if sql.starts_with("ALTER TABLE") {
            return self.add_column(sql);
        }
        if sql.contains("svv_columns") {
            return Ok(self.columns(sql));
        }
        if sql.contains("pg_constraint") || sql.contains("svv_redshift_columns") {
            return Ok(vec![]);
        }
        if sql.contains("sys_load_error_detail") {
            return Ok(self.row_faults(sql));
        }
        let name = name_at(after(sql, "FROM "));
        if sql.contains("object_url") {
            return self.marker_rows(sql, &name);
        }
        if sql.contains("load_id IN") {
            let markers = self.markers(&name)?;
            let loads = literals(sql)
                .into_iter()
                .filter(|load| markers.contains_key(load));
            return Ok(loads.map(|load| vec![Some(load)]).collect());
        }
        if sql.contains("row_count") {
            let rows = self.markers(&name)?.get(&quoted(sql));
            return Ok(rows
                .map(|rows| vec![Some(rows.to_string())])
                .into_iter()
                .collect());
        }
        match self.tables.targets.contains_key(&name) {
            true => Ok(vec![]),
            false => Err(no_relation(&name)),
        }
    }

    fn markers(&self, name: &str) -> Result<&BTreeMap<String, usize>, WarehouseError> {
        self.tables.markers.get(name).ok_or_else(|| no_relation(name))
    }

    fn add_column(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        let table = name_at(after(sql, "ALTER TABLE "));
        let column = after(sql, "ADD COLUMN \"").split('"').next().unwrap_or_default();
        let added = self.tables.added.entry(table).or_default();
        if added.iter().any(|known| known == column) {
            let error = format!("ERROR: column \"{column}\" already exists");
            return Err(statement_failed(WarehouseFault::Configuration, &error));
        }
        added.push(column.to_owned());
        Ok(vec![])
    }

    /// What the catalogue says of a table's columns.
    fn columns(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let names = literals(sql)
            .into_iter()
            .take(2)
            .map(|name| format!("\"{name}\""));
        let table = names.collect::<Vec<_>>().join(".");
        if !self.tables.targets.contains_key(&table) {
            return vec![];
        }
        let text = |text: &str| Some(text.to_owned());
        let column = |(name, kind): (String, String)| {
            let (kind, length) = kind.trim_end_matches(')').split_once('(').unwrap_or((&kind, ""));
            let length = text(length).filter(|length| !length.is_empty());
            vec![Some(name), text(kind), length, None, None, text("YES"), None]
        };
        self.tables.columns_of(&table).into_iter().map(column).collect()
    }

    /// No marker of a model says which object it is of.
    fn marker_rows(&self, sql: &str, name: &str) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        let markers = self.markers(name)?;
        if sql.contains("object_url IN") {
            return Ok(vec![]);
        }
        let row = |(load, rows): (&String, &_)| vec![Some(load.clone()), None, Some(format!("{rows}"))];
        Ok(markers.iter().map(row).collect())
    }

    fn row_faults(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let number = after(sql, "query_id = ").split_whitespace().next();
        let query = number.and_then(|number| number.parse().ok()).unwrap_or_default();
        let faults = self.faults.get(&query).cloned().unwrap_or_default();
        let text = |text: &str| Some(text.to_owned());
        faults
            .iter()
            .map(|fault| {
                vec![
                    text(&fault.url),
                    text(&fault.line.to_string()),
                    text("amount"),
                    text("int4"),
                    text("4"),
                    text("2"),
                    text("1207"),
                    text("Invalid digit"),
                    text("2026-11-21 12:00:00"),
                ]
            })
            .collect()
    }
}

fn report(run: StatementRun, steps: Vec<StepReport>) -> StatementReport {
    StatementReport {
        run,
        error: steps.last().and_then(|step| step.error.clone()),
        fault: steps.last().and_then(|step| step.fault),
        duration: Duration::from_secs(2),
        rows: None,
        query_id: None,
        steps,
    }
}

fn failed_single(fault: WarehouseFault, error: &str) -> StatementReport {
    StatementReport {
        error: Some(error.to_owned()),
        fault: Some(fault),
        ..report(StatementRun::Failed, vec![])
    }
}

fn not_taken(warehouse: &Warehouse, mishap: &Mishap) -> WarehouseError {
    let warehouse = warehouse.to_string();
    let source = "the service does not take it".into();
    match mishap {
        Mishap::Busy => WarehouseError::Busy {
            warehouse,
            operation: SUBMIT,
            source,
        },
        Mishap::Denied => WarehouseError::Refused {
            fault: WarehouseFault::Configuration,
            warehouse,
            operation: SUBMIT,
            source,
        },
        _ => WarehouseError::Refused {
            fault: WarehouseFault::Unknown,
            warehouse,
            operation: SUBMIT,
            source,
        },
    }
}

fn statement_failed(fault: WarehouseFault, message: &str) -> WarehouseError {
    WarehouseError::StatementFailed {
        fault,
        message: message.to_owned(),
    }
}

fn no_relation(name: &str) -> WarehouseError {
    let message = format!("ERROR: relation {name} does not exist");
    statement_failed(WarehouseFault::Configuration, &message)
}

fn unreachable(operation: &'static str) -> WarehouseError {
    WarehouseError::Unavailable {
        warehouse: "the model".to_owned(),
        operation,
        source: "the warehouse was struck".into(),
    }
}

#[async_trait]
impl WarehouseClient for ModelWarehouse {
    async fn submit(&self, warehouse: &Warehouse, submission: &Submission) -> Result<String, WarehouseError> {
        let submit = || {
            let mut state = self.state.lock().unwrap();
            state.hand_over(&self.files, warehouse, submission)
        };
        self.calls.through(SUBMIT, submit, || unreachable(SUBMIT)).await
    }

    async fn find(&self, _: &Warehouse, name: &str) -> Result<Option<String>, WarehouseError> {
        let find = || {
            let handed = self.handed();
            let mut known = handed.into_iter().filter(|handed| !handed.is_forgotten);
            Ok(known.find(|handed| handed.name == name).map(|handed| handed.id))
        };
        self.calls.through(FIND, find, || unreachable(FIND)).await
    }

    async fn describe(&self, statement_id: &str) -> Result<StatementReport, WarehouseError> {
        let describe = || {
            let mut state = self.state.lock().unwrap();
            let is_slow = state.is_slow;
            let found = state
                .handed
                .iter_mut()
                .find(|handed| handed.id == statement_id && !handed.is_forgotten);
            found
                .map(|handed| match is_slow {
                    true => report(StatementRun::Running, vec![]),
                    false => {
                        handed.is_told = true;
                        handed.report.clone()
                    }
                })
                .ok_or_else(|| WarehouseError::UnknownStatement {
                    statement_id: statement_id.to_owned(),
                })
        };
        self.calls
            .through(DESCRIBE, describe, || unreachable(DESCRIBE))
            .await
    }

    async fn cancel(&self, _: &str) -> Result<(), WarehouseError> {
        // Here every statement has ended when it is handed over.
        self.calls
            .through(CANCEL, || Ok(()), || unreachable(CANCEL))
            .await
    }

    async fn run(
        &self,
        warehouse: &Warehouse,
        sql: &str,
        _: Duration,
    ) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        let run = || self.state.lock().unwrap().run_short(warehouse, sql);
        self.calls.through(RUN, run, || unreachable(RUN)).await
    }
}

//! A snapshot judged against its description and its table, the rule that it is loaded under, and the statements that load it.

use longshore_copy::snapshot as sql;
use longshore_domain::load::LoadId;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{ColumnRow, FileRule, RuleRow};
use longshore_domain::snapshot::{
    ColumnType, DataDate, Description, Freshness, Granularity, Replaces, Suffix, TableChanges,
};
use longshore_domain::target::Warehouse;
use uuid::Uuid;

use super::{CheckedSnapshot, FoundSnapshot, SnapshotLoad, table};
use crate::AppError;
use crate::operate::Judged;
use crate::plan::{self, ToLoad};
use crate::prepare::{self, Listed, Pace};

impl SnapshotLoad<'_> {
    /// Judges a snapshot against its description and the table, and says all that loading it takes. Nothing is changed.
    ///
    /// # Errors
    /// What the warehouse answers.
    pub async fn check(
        &self,
        found: FoundSnapshot,
        description: Description,
    ) -> Result<Judged<CheckedSnapshot>, AppError> {
        let input = self.input;
        if let Some(problem) = self
            .suffix_problem(&found)
            .or_else(|| self.granularity_problem(&description))
        {
            return Ok(Err(problem));
        }
        let columns = table::columns(self.app, &input.warehouse, &input.table).await?;
        let mut ddl = match table::fit(&description, columns.as_deref())? {
            Ok(ddl) => ddl,
            Err(differences) => return Ok(Err(differences)),
        };
        if input.table_changes == TableChanges::Refused && !ddl.is_empty() {
            return Ok(Err(format!(
                "{} is not as it is described, and snapshot_table_changes is refused; what would make it fit:\n{}",
                input.table,
                ddl.join(";\n")
            )));
        }
        let newest = match columns {
            Some(_) => table::newest(self.app, input, &description, found.date).await?,
            None => None,
        };
        if !table::has_latencies(self.app, &input.warehouse).await? {
            ddl.push(sql::create_latencies());
        }
        let span = input.granularity.span(found.date, input.zone);
        let kind = description
            .date()
            .map_or(ColumnType::Timestamp, |column| column.kind);
        let row = self.row(&found, &description)?;
        Ok(Ok(CheckedSnapshot {
            period: span.bounds(kind, input.zone),
            newest,
            found,
            description,
            ddl,
            row,
        }))
    }

    /// Lets no older data take the place of newer, unless that is wanted.
    pub fn refuse_older(&self, checked: &CheckedSnapshot) -> Judged<()> {
        let (input, found) = (self.input, &checked.found);
        if let (Some(newest), Freshness::Checked) = (checked.newest, input.rule.freshness)
            && input.granularity.is_older(found.date, newest, input.zone)
        {
            return Err(format!(
                "the data in {} is of {}, and {} holds data of {newest} ({}, by the {}): older data takes the place of newer \
                 only with --force",
                found.object.url(),
                found.date,
                input.table,
                input.zone,
                input.granularity.as_str(),
            ));
        }
        Ok(())
    }

    fn suffix_problem(&self, found: &FoundSnapshot) -> Option<String> {
        let is_json = matches!(found.suffix, Suffix::Json | Suffix::JsonGz);
        let delimiter = self.input.rule.delimiter.as_ref().filter(|_| is_json)?;
        let flag = self.input.asked.to_say("--delimiter", "delimiter");
        Some(format!(
            "{flag} {delimiter:?} was said, and {} is JSON by its name; leave {flag} out",
            found.object.url()
        ))
    }

    /// A date tells no hours.
    fn granularity_problem(&self, description: &Description) -> Option<String> {
        let date = description
            .date()
            .filter(|column| column.kind == ColumnType::Date)?;
        let is_whole_days = match self.input.granularity {
            Granularity::Day => true,
            Granularity::Hour => false,
            Granularity::Stream(bounds) => {
                let span = |date: DataDate| date.wall_clock(self.input.zone).time() == chrono::NaiveTime::MIN;
                span(bounds.start) && span(bounds.end)
            }
        };
        (!is_whole_days).then(|| {
            format!(
                "the column {} of {} is a date, which tells no hours; say {} day, or bounds of a stream at midnight",
                date.name,
                self.input.table,
                self.input.asked.to_say("--granularity", "snapshot_granularity")
            )
        })
    }

    /// The rule that the snapshot is loaded under: all that is said but for the date, so that every date has the same.
    fn row(&self, found: &FoundSnapshot, description: &Description) -> Result<RuleRow, AppError> {
        let input = self.input;
        let engine = |error: longshore_copy::TransactionError| AppError::Engine(error.into());
        let flag = || "N".to_owned();
        let is_compressed = matches!(found.suffix, Suffix::JsonGz | Suffix::Gz) || input.rule.compressed;
        let text = |text: &str| Some(text.to_owned());
        let mut row = RuleRow {
            ext_interface_cid: input.feed.clone().unwrap_or_default(),
            tgt_schema_name: text(&input.table.schema),
            tgt_table_name: text(&input.table.table),
            file_format: input.rule.delimiter.as_ref().map_or("json", |_| "csv").to_owned(),
            file_type: found.suffix.extension().to_owned(),
            delimiter: input.rule.delimiter.clone(),
            header_flag: flag(),
            trailer_flag: flag(),
            split_file_flag: flag(),
            archive_flag: Some(flag()),
            compression: text(if is_compressed { "gzip" } else { "none" }),
            rule_kind: text("snapshot"),
            query: input.rule.loads.query.clone(),
            query_retry_flag: input.rule.loads.query_retry_flag.clone(),
            max_attempts: input.rule.loads.max_attempts,
            retry_minutes: input.rule.loads.retry_minutes,
            success_topic_arn: input.rule.loads.success_topic_arn.clone(),
            failure_topic_arn: input.rule.loads.failure_topic_arn.clone(),
            vacuum_rows: input.rule.vacuum_rows.and_then(|rows| i64::try_from(rows).ok()),
            post_sql: Some(sql::note_latency(&input.table).map_err(engine)?),
            file_name_column: text(""),
            columns: description
                .columns
                .iter()
                .map(|column| ColumnRow {
                    column_name: column.name.clone(),
                    column_width_fixed: None,
                })
                .collect(),
            ..RuleRow::default()
        };
        match input.rule.replaces {
            Replaces::Everything => row.load_mode = text("truncate"),
            Replaces::Period => {
                row.load_mode = text("replace_period");
                row.period_column = Some(description.date_column.clone());
                row.period_value = text("{period_start}");
                row.period_end = text("{period_end}");
            }
        }
        // Again within the transaction: two dates may be on their way at once.
        if input.rule.freshness == Freshness::Checked {
            row.pre_sql = Some(sql::refuse_newer(&input.table, &description.date_column).map_err(engine)?);
        }
        row.queue_name = Some(queue_of(&row, &input.warehouse).to_string());
        row.file_prefix = format!("{}.", row.queue_name.clone().unwrap_or_default());
        Ok(row)
    }

    fn pace(&self) -> Pace {
        Pace::from(self.app.clock.now(), self.until)
    }

    /// The statements of the load, for whoever looks before it happens. `None` with what is wrong with the file.
    ///
    /// # Errors
    /// What S3 or the control database answer.
    pub async fn plan(&self, checked: &CheckedSnapshot) -> Result<Judged<Vec<String>>, AppError> {
        let object = &checked.found.object;
        let rule = match FileRule::from_row(&checked.row) {
            Ok(rule) => rule,
            Err(faults) => return Ok(Err(faults.to_string())),
        };
        let load = LoadId::of(object);
        let listed = match rule.takes_manifests() {
            true => match prepare::files_of(self.app, &self.pace(), object).await? {
                Listed::Files(listed) => listed,
                Listed::Refused(reason) => return Ok(Err(reason.to_string())),
                Listed::OutOfTime(_) => return Err(AppError::OutOfTime { url: object.url() }),
            },
            false => vec![object.clone()],
        };
        let planned = plan::plan_transaction(
            self.app,
            ToLoad {
                load,
                bucket: &object.bucket,
                object_url: &object.url(),
                file_name: object.key.file_name(),
                table: &self.input.table,
                warehouse: &self.input.warehouse,
                rule: &rule,
                columns: &rule.columns,
                sources: plan::entries(&listed),
                rows_expected: None,
                captures: &self.captures(checked),
                carried: &[],
                replaces: &[],
            },
        )
        .await?;
        Ok(planned
            .map(|planned| planned.plan.statements)
            .map_err(|reason| reason.to_string()))
    }
}

/// The same rule has the same queue, whoever asks for it; nothing comes through it. Fields that say nothing are left out, so
/// that a rule keeps its queue when there are more of them.
fn queue_of(row: &RuleRow, warehouse: &Warehouse) -> QueueName {
    let mut fields = serde_json::json!(row);
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let said = serde_json::json!([fields, warehouse]).to_string();
    QueueName::of_snapshot(Uuid::new_v5(&Uuid::NAMESPACE_URL, said.as_bytes()))
}

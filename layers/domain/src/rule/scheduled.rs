//! Snapshot rules with a schedule: what they load by themselves, and when.
//!
//! Such a rule takes no files. At each of its times the newest data of its tables is looked for, and what is news to a table is
//! loaded as `snapshot load` does it by hand, under a rule of its own that is made of this one and of the table's description.

use super::cells::{flag, non_blank};
use super::destination::warehouse;
use super::fault::Collector;
use super::{RuleFaults, RuleId, RuleRow, RuleTopics, attempts, targets};
use crate::matching::is_scheduled;
use crate::object::{Bucket, ObjectKey, parse_s3_url};
use crate::snapshot::{
    DataDate, Freshness, Granularity, Layout, Replaces, Schedule, TableChanges, parse_time_zone,
};
use crate::target::{TableName, Warehouse};
use crate::time_zone::TimeZone;

/// A snapshot rule with a schedule.
#[derive(Debug, Clone)]
pub struct ScheduledSnapshots {
    /// The row's number.
    pub id: RuleId,
    /// When.
    pub schedule: Schedule,
    /// The tables, each with where its files lie.
    pub tables: Vec<(TableName, Layout)>,
    /// The bucket of their files.
    pub bucket: Bucket,
    /// The description of the tables; none where it lies beside the data.
    pub config: Option<(Bucket, ObjectKey)>,
    /// How much of a table a file replaces, and how dates are compared.
    pub granularity: Granularity,
    /// By whose clocks.
    pub zone: TimeZone,
    /// Whether older data may take the place of newer.
    pub freshness: Freshness,
    /// What is deleted.
    pub replaces: Replaces,
    /// Whether the tables are made to fit.
    pub table_changes: TableChanges,
    /// What separates fields; none: they are JSON.
    pub delimiter: Option<String>,
    /// Whether files are compressed whose names do not say so.
    pub compressed: bool,
    /// From how many deleted rows on a table is put in order afterwards.
    pub vacuum_rows: Option<u64>,
    /// The warehouse, when it is not the deployment's own.
    pub warehouse: Option<Warehouse>,
}

impl ScheduledSnapshots {
    /// What a row says, if it is a snapshot rule with a schedule.
    ///
    /// # Errors
    /// Every fault of the row.
    pub fn from_row(row: &RuleRow) -> Option<Result<Self, RuleFaults>> {
        is_scheduled(row).then(|| interpret(row))
    }

    /// A table of the rule, with where its files lie.
    pub fn table(&self, name: &str) -> Option<&(TableName, Layout)> {
        self.tables.iter().find(|(table, _)| table.table == name)
    }
}

fn interpret(row: &RuleRow) -> Result<ScheduledSnapshots, RuleFaults> {
    let mut faults = Collector::default();
    check_idle(row, &mut faults);
    let schedule = schedule(row, &mut faults);
    let tables = tables(row, &mut faults);
    let bucket = bucket(row, &mut faults);
    let config = config(row, &mut faults);
    let granularity = granularity(row, &mut faults);
    let zone = zone("snapshot_timezone", &row.snapshot_timezone, &mut faults);
    let freshness = choice(
        ("snapshot_freshness", &row.snapshot_freshness),
        [("checked", Freshness::Checked), ("forced", Freshness::Forced)],
        &mut faults,
    );
    let replaces = choice(
        ("load_mode", &row.load_mode),
        [
            ("replace_period", Replaces::Period),
            ("truncate", Replaces::Everything),
        ],
        &mut faults,
    );
    let table_changes = choice(
        ("snapshot_table_changes", &row.snapshot_table_changes),
        [("made", TableChanges::Made), ("refused", TableChanges::Refused)],
        &mut faults,
    );
    let compressed = choice(
        ("compression", &row.compression),
        [("none", false), ("gzip", true)],
        &mut faults,
    );
    let delimiter = delimiter(row, &mut faults);
    let vacuum_rows = super::interpret::vacuum_rows(row, &mut faults);
    let warehouse = faults.keep(row.target.as_ref().map(warehouse).transpose());
    attempts::retry(row, &mut faults);
    attempts::follow_up_repeats(row, &mut faults);
    RuleTopics::read(row, &mut faults);
    let id = RuleId(row.ext_file_config_sid);
    match (schedule, bucket, config, granularity, zone, warehouse) {
        (Some(schedule), Some(bucket), Some(config), Some(granularity), Some(zone), Some(warehouse))
            if faults.list.is_empty() =>
        {
            Ok(ScheduledSnapshots {
                id,
                schedule,
                tables,
                bucket,
                config,
                granularity,
                zone,
                freshness,
                replaces,
                table_changes,
                delimiter,
                compressed,
                vacuum_rows,
                warehouse,
            })
        }
        _ => Err(RuleFaults {
            rule: id,
            faults: faults.list,
        }),
    }
}

/// Fields that say how a rule finds or reads the files that it takes. A schedule finds its files itself, and a description says
/// what is in them.
fn check_idle(row: &RuleRow, faults: &mut Collector) {
    let set = |text: &Option<String>| non_blank(text).is_some();
    let is_yes = |text: &str| flag(text) == Some(true);
    let prefix = !row.file_prefix.trim().is_empty();
    let idle = [
        ("file_prefix", prefix),
        ("key_pattern", set(&row.key_pattern)),
        ("key_regex", set(&row.key_regex)),
        ("name_filter", set(&row.name_filter)),
        ("ignore_names", set(&row.ignore_names)),
        ("bucket", set(&row.bucket)),
        ("queue_name", set(&row.queue_name)),
        ("header_flag", is_yes(&row.header_flag)),
        ("header_records", row.header_records.is_some()),
        ("empty_file_policy", set(&row.empty_file_policy)),
        ("trailer_flag", is_yes(&row.trailer_flag)),
        ("split_file_flag", is_yes(&row.split_file_flag)),
        ("quote_char", set(&row.quote_char)),
        ("escape_char", set(&row.escape_char)),
        ("encoding", set(&row.encoding)),
        ("null_as", set(&row.null_as)),
        ("date_format", set(&row.date_format)),
        ("time_format", set(&row.time_format)),
        ("json_paths", set(&row.json_paths)),
        ("copy_options", set(&row.copy_options)),
        ("encryption_secret", set(&row.encryption_secret)),
        ("resend_policy", set(&row.resend_policy)),
        ("load_group", set(&row.load_group)),
        ("batch_files", row.batch_files.is_some()),
        ("batch_bytes", row.batch_bytes.is_some()),
        ("batch_seconds", row.batch_seconds.is_some()),
        ("drift_policy", set(&row.drift_policy)),
        ("expected_schedule", set(&row.expected_schedule)),
        ("expected_timezone", set(&row.expected_timezone)),
        ("expected_grace_minutes", row.expected_grace_minutes.is_some()),
        ("expected_files", row.expected_files.is_some()),
        ("merge_keys", set(&row.merge_keys)),
        ("period_column", set(&row.period_column)),
        ("period_value", set(&row.period_value)),
        ("period_end", set(&row.period_end)),
        ("pre_sql", set(&row.pre_sql)),
        ("post_sql", set(&row.post_sql)),
        ("ext_file_config_dtl.column_name", !row.columns.is_empty()),
    ];
    for (column, _) in idle.into_iter().filter(|(_, is_set)| *is_set) {
        faults.add(
            column,
            "is set, and the rule has a schedule: it finds its files itself, and the tables' description says what is in them; \
             leave it out",
        );
    }
    if set(&row.further_targets) {
        faults.add("further_targets", targets::ONE_TABLE);
    }
}

fn schedule(row: &RuleRow, faults: &mut Collector) -> Option<Schedule> {
    let zone = zone("schedule_timezone", &row.schedule_timezone, faults)?;
    let text = row.schedule.as_deref().unwrap_or_default();
    match Schedule::parse(text, zone) {
        Ok(schedule) => Some(schedule),
        Err(problem) => {
            faults.add("schedule", problem);
            None
        }
    }
}

fn zone(column: &str, text: &Option<String>, faults: &mut Collector) -> Option<TimeZone> {
    let name = non_blank(text).unwrap_or_else(|| "UTC".to_owned());
    match parse_time_zone(&name) {
        Ok(zone) => Some(zone),
        Err(problem) => {
            faults.add(column, problem);
            None
        }
    }
}

fn tables(row: &RuleRow, faults: &mut Collector) -> Vec<(TableName, Layout)> {
    let Some(schema) = non_blank(&row.tgt_schema_name) else {
        faults.add("tgt_schema_name", "is not set; write the schema of the tables");
        return vec![];
    };
    let listed = row.tgt_table_name.as_deref().unwrap_or_default().split(',');
    let names: Vec<&str> = listed.map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        faults.add(
            "tgt_table_name",
            "is not set; write the tables, with commas between them",
        );
    }
    let mut tables = vec![];
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            faults.add("tgt_table_name", format!("names {name} twice"));
            continue;
        }
        let table = TableName::new(&schema, *name);
        match layout(row, &table) {
            Ok(layout) => tables.push((table, layout)),
            // The pattern is the same for all of them.
            Err(problem) if place == 0 => faults.add("snapshot_layout", problem),
            Err(_) => {}
        }
    }
    tables
}

fn layout(row: &RuleRow, table: &TableName) -> Result<Layout, String> {
    match non_blank(&row.snapshot_layout) {
        Some(pattern) => Layout::parse(&pattern, table),
        None => Ok(Layout::usual(table)),
    }
}

fn bucket(row: &RuleRow, faults: &mut Collector) -> Option<Bucket> {
    let bucket = non_blank(&row.snapshot_bucket);
    match bucket {
        Some(name) if !name.contains(['/', ':']) => Some(Bucket::new(name)),
        Some(name) => {
            faults.add(
                "snapshot_bucket",
                format!("{name:?} is no bucket; write its name alone"),
            );
            None
        }
        None => {
            faults.add("snapshot_bucket", "is not set; write the bucket of the data");
            None
        }
    }
}

/// The outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault, and nothing said, are two things")]
fn config(row: &RuleRow, faults: &mut Collector) -> Option<Option<(Bucket, ObjectKey)>> {
    let Some(url) = non_blank(&row.snapshot_config) else {
        return Some(None);
    };
    let place = parse_s3_url(&url);
    if place.is_none() {
        faults.add(
            "snapshot_config",
            format!(
                "{url:?} is no object; write s3://bucket/key, or leave it out where it lies beside the data"
            ),
        );
    }
    place.map(Some)
}

fn granularity(row: &RuleRow, faults: &mut Collector) -> Option<Granularity> {
    let mut bound =
        |column: &str, text: &Option<String>| match non_blank(text).map(|text| DataDate::parse(&text)) {
            None => Some(None),
            Some(Ok(date)) => Some(Some(date)),
            Some(Err(problem)) => {
                faults.add(column, problem);
                None
            }
        };
    let start = bound("snapshot_stream_start", &row.snapshot_stream_start)?;
    let end = bound("snapshot_stream_end", &row.snapshot_stream_end)?;
    let word = non_blank(&row.snapshot_granularity).unwrap_or_else(|| "day".to_owned());
    let said = match (word.as_str(), start, end) {
        ("stream", None, _) => Err((
            "snapshot_stream_start",
            "is not set, and snapshot_granularity stream needs its bounds; write from when on rows are replaced".to_owned(),
        )),
        ("stream", _, None) => Err((
            "snapshot_stream_end",
            "is not set, and snapshot_granularity stream needs its bounds; write up to when rows are replaced".to_owned(),
        )),
        ("hour" | "day", Some(_), _) => Err((
            "snapshot_stream_start",
            format!("is a bound of a stream, and snapshot_granularity is {word}; write stream, or leave it out"),
        )),
        ("hour" | "day", _, Some(_)) => Err((
            "snapshot_stream_end",
            format!("is a bound of a stream, and snapshot_granularity is {word}; write stream, or leave it out"),
        )),
        ("stream", ..) => Granularity::of(&word, start, end).map_err(|problem| ("snapshot_stream_end", problem)),
        _ => Granularity::of(&word, start, end).map_err(|problem| ("snapshot_granularity", problem)),
    };
    match said {
        Ok(granularity) => Some(granularity),
        Err((column, problem)) => {
            faults.add(column, problem);
            None
        }
    }
}

/// One of two words; the first counts where none is said, and where another is, which is a fault.
fn choice<T: Copy>(
    (column, text): (&str, &Option<String>),
    words: [(&str, T); 2],
    faults: &mut Collector,
) -> T {
    let [(usual, first), (other, _)] = words;
    let Some(said) = non_blank(text) else { return first };
    match words.iter().find(|(word, _)| *word == said) {
        Some((_, meant)) => *meant,
        None => {
            faults.add(
                column,
                format!("{said:?} is neither {usual} nor {other}, and under a schedule it must be; empty means {usual}"),
            );
            first
        }
    }
}

fn delimiter(row: &RuleRow, faults: &mut Collector) -> Option<String> {
    let delimiter = row.delimiter.clone().filter(|text| !text.is_empty());
    match (row.file_format.trim(), &delimiter) {
        ("json", None) => None,
        ("json", Some(_)) => {
            faults.add(
                "delimiter",
                "is set, and file_format is json; leave it out, or write file_format csv",
            );
            None
        }
        ("csv", None) => {
            faults.add(
                "delimiter",
                "is not set; write what separates the fields, for example , or |",
            );
            None
        }
        ("csv", Some(_)) => delimiter,
        (other, _) => {
            faults.add(
                "file_format",
                format!("{other:?} is no format of snapshots; write json, or csv and a delimiter"),
            );
            None
        }
    }
}

/// What other rules say that only a schedule gives a meaning.
pub(super) fn check_unscheduled(row: &RuleRow, faults: &mut Collector) {
    let fields = [
        ("schedule", &row.schedule),
        ("schedule_timezone", &row.schedule_timezone),
        ("snapshot_bucket", &row.snapshot_bucket),
        ("snapshot_layout", &row.snapshot_layout),
        ("snapshot_config", &row.snapshot_config),
        ("snapshot_granularity", &row.snapshot_granularity),
        ("snapshot_timezone", &row.snapshot_timezone),
        ("snapshot_stream_start", &row.snapshot_stream_start),
        ("snapshot_stream_end", &row.snapshot_stream_end),
        ("snapshot_freshness", &row.snapshot_freshness),
        ("snapshot_table_changes", &row.snapshot_table_changes),
    ];
    for (column, _) in fields.iter().filter(|(_, text)| non_blank(text).is_some()) {
        faults.add(
            column,
            "is set, and the rule is none of rule_kind snapshot with a schedule; write both, or leave it out",
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::rule::{ColumnRow, FileRule};

    fn row() -> RuleRow {
        let text = |text: &str| Some(text.to_owned());
        RuleRow {
            ext_file_config_sid: 71,
            rule_kind: text("snapshot"),
            schedule: text("0 6 * * *"),
            schedule_timezone: text("Europe/Berlin"),
            tgt_schema_name: text("api"),
            tgt_table_name: text("pages, sessions"),
            snapshot_bucket: text("analytics"),
            file_format: "json".to_owned(),
            header_flag: "N".to_owned(),
            trailer_flag: "N".to_owned(),
            split_file_flag: "N".to_owned(),
            ..RuleRow::default()
        }
    }

    fn read(row: &RuleRow) -> Result<ScheduledSnapshots, RuleFaults> {
        ScheduledSnapshots::from_row(row).expect("it has a schedule")
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let rule = read(&row()).unwrap();
        let names: Vec<String> = rule.tables.iter().map(|(table, _)| table.to_string()).collect();
        assert_eq!(names, ["api.pages", "api.sessions"]);
        assert_eq!(rule.schedule.to_string(), "0 6 * * * (Europe/Berlin)");
        assert_eq!((rule.granularity, rule.zone), (Granularity::Day, TimeZone::UTC));
        assert_eq!(
            (rule.freshness, rule.replaces, rule.table_changes),
            (Freshness::Checked, Replaces::Period, TableChanges::Made)
        );
        assert_eq!(
            (rule.delimiter, rule.compressed, rule.config),
            (None, false, None)
        );
    }

    #[rstest]
    #[case("schedule", "0 6 * *", "0 6 * * * for each day at six")]
    #[case("schedule_timezone", "Mars/Olympus", "America/New_York")]
    #[case("snapshot_timezone", "Mars/Olympus", "America/New_York")]
    #[case("snapshot_granularity", "week", "write hour, day or stream")]
    #[case("snapshot_layout", "{tabel}/{date}", "{tabel} stands for nothing")]
    #[case("snapshot_config", "tables.yml", "write s3://bucket/key")]
    #[case("snapshot_bucket", "s3://analytics", "write its name alone")]
    #[case("snapshot_freshness", "force", "neither checked nor forced")]
    #[case("snapshot_table_changes", "no", "neither made nor refused")]
    #[case("load_mode", "merge", "neither replace_period nor truncate")]
    #[case("compression", "zstd", "neither none nor gzip")]
    #[case("tgt_table_name", "pages,pages", "names pages twice")]
    #[case("tgt_table_name", " , ", "write the tables")]
    #[case("tgt_schema_name", "", "write the schema")]
    #[case("snapshot_bucket", "", "write the bucket")]
    #[case("file_format", "parquet", "write json, or csv and a delimiter")]
    #[case("delimiter", "|", "write file_format csv")]
    #[case(
        "snapshot_stream_start",
        "2026-11-26T00:00:00Z",
        "snapshot_granularity is day"
    )]
    #[case("snapshot_stream_end", "yesterday", "2026-11-26T00:00:00Z")]
    #[case("key_pattern", "a/b", "finds its files itself")]
    #[case("pre_sql", "SELECT 1", "finds its files itself")]
    #[case("further_targets", "analytics", "make a rule for each warehouse")]
    #[case("failure_topic_arn", "topic", "is no topic")]
    fn a_fault_names_the_field_and_what_is_right(
        #[case] column: &str,
        #[case] value: &str,
        #[case] says: &str,
    ) {
        let mut fields = serde_json::to_value(row()).unwrap();
        fields[column] = value.into();
        let faults = read(&serde_json::from_value(fields).unwrap()).unwrap_err().faults;
        assert!(
            faults
                .iter()
                .any(|fault| fault.column == column && fault.problem.contains(says)),
            "{faults:?}"
        );
    }

    #[test]
    fn a_stream_needs_both_bounds() {
        let stream = |start: Option<&str>, end: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            read(&RuleRow {
                snapshot_granularity: text(Some("stream")),
                snapshot_stream_start: text(start),
                snapshot_stream_end: text(end),
                ..row()
            })
        };
        let (one, two) = ("2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z");
        let column = |read: Result<_, RuleFaults>| {
            read.map(|_: ScheduledSnapshots| ()).unwrap_err().faults[0]
                .column
                .clone()
        };
        assert_eq!(column(stream(None, None)), "snapshot_stream_start");
        assert_eq!(column(stream(Some(one), None)), "snapshot_stream_end");
        assert_eq!(column(stream(Some(two), Some(one))), "snapshot_stream_end");
        assert!(matches!(
            stream(Some(one), Some(two)).unwrap().granularity,
            Granularity::Stream(_)
        ));
    }

    #[test]
    fn a_rule_with_a_schedule_takes_no_file_and_one_without_has_none_of_its_fields() {
        let faults = FileRule::from_row(&row()).unwrap_err().faults;
        assert_eq!(faults[0].column, "schedule");
        let mut unscheduled = row();
        unscheduled.rule_kind = None;
        unscheduled.columns = vec![ColumnRow::default()];
        let faults = FileRule::from_row(&unscheduled).unwrap_err().faults;
        for column in ["schedule", "schedule_timezone", "snapshot_bucket"] {
            assert!(
                faults.iter().any(|fault| fault.column == column),
                "{column}: {faults:?}"
            );
        }
    }
}

//! Prints every statement that the loader can send to the warehouse, as a JSON list of names and texts: a matrix of rules, the statements around
//! a load, and the files of `sql/redshift`. `make clients` lets a grammar that we did not write read them.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a program for tests, on their builders"
)]

#[path = "../tests/it/arrange.rs"]
mod arrange;

use arrange::{Load, column, rule, set};
use longshore_copy::{marker, row_errors, sample_sql, warehouse_sql};
use longshore_domain::load::LoadId;
use longshore_domain::rule::{FileRule, RuleRow};
use serde_json::{Value, json};
use uuid::Uuid;

type Change = (&'static str, fn(&mut RuleRow));

/// What a file can be.
const FORMATS: [Change; 12] = [
    ("delimited", |_| {}),
    ("octal delimiter", |row| row.delimiter = set(r"\001")),
    ("tab", |row| row.delimiter = set(r"\t")),
    ("csv", |row| {
        row.file_format = "csv".to_owned();
        row.quote_char = set("%");
    }),
    ("fixed width", |row| {
        row.file_format = "fixed_width".to_owned();
        row.delimiter = None;
        row.columns = vec![column("ndc", Some("11")), column("Unit price, '$'", Some("8"))];
    }),
    ("json", |row| row.file_format = "json".to_owned()),
    ("json with paths", |row| {
        row.file_format = "json".to_owned();
        row.json_paths = set("s3://landing/paths/it's.json");
    }),
    ("json ignoring case", |row| {
        row.file_format = "json".to_owned();
        row.json_paths = set("auto ignorecase");
    }),
    ("avro", |row| row.file_format = "avro".to_owned()),
    ("avro without columns", |row| {
        row.file_format = "avro".to_owned();
        row.columns = Vec::new();
    }),
    ("parquet", |row| row.file_format = "parquet".to_owned()),
    ("orc", |row| {
        row.file_format = "orc".to_owned();
        row.copy_options = set("FILLRECORD");
        row.invalid_bytes = set("replace");
    }),
];

/// What a rule can say beside its format. Where a format does not take it, the rule is refused and nothing is rendered.
const SETTINGS: [Change; 29] = [
    ("nothing", |_| {}),
    ("gzip", |row| row.compression = set("gzip")),
    ("bzip2", |row| row.compression = set("bz2")),
    ("lzop", |row| row.compression = set("lzop")),
    ("zstd", |row| row.compression = set("zstd")),
    ("header", |row| row.header_flag = "Y".to_owned()),
    ("escape", |row| row.escape_char = set("\\")),
    ("removequotes", |row| row.escape_char = set("\"")),
    ("utf-16", |row| row.encoding = set("UTF16")),
    ("utf-16 le", |row| row.encoding = set("UTF16LE")),
    ("latin-1", |row| row.encoding = set("ISO88591")),
    ("invalid bytes", |row| row.invalid_bytes = set("replace")),
    ("null", |row| row.null_as = set("it's N/A")),
    ("nul", |row| row.null_as = set(r"\0")),
    ("dates", |row| row.date_format = set("MM/DD/YYYY")),
    ("times", |row| row.time_format = set("epochmillisecs")),
    ("load id", |row| row.load_id_column = set("load_id")),
    ("no file name", |row| row.file_name_column = None),
    ("odd names", |row| {
        row.tgt_table_name = set("odd \"table\"; --");
        row.columns = vec![column("Sélect", None), column("order by", None)];
    }),
    ("errors", |row| row.copy_options = set("MAXERROR 10")),
    ("all errors", |row| row.copy_options = set("IGNOREALLERRORS")),
    ("text options", |row| {
        row.copy_options = set("TRUNCATECOLUMNS TRIMBLANKS EMPTYASNULL BLANKSASNULL FILLRECORD ROUNDEC");
    }),
    ("invalid characters", |row| {
        row.invalid_bytes = set("replace");
        row.copy_options = set("ACCEPTINVCHARS AS '^'");
    }),
    ("load options", |row| {
        row.copy_options = set("COMPUPDATE PRESET COMPROWS 5000 STATUPDATE ON");
    }),
    ("truncate", |row| row.load_mode = set("truncate")),
    ("merge", |row| {
        row.load_mode = set("merge");
        row.merge_keys = set("ndc");
        let others = row.columns.iter().skip(1);
        let others: Vec<String> = others.map(|column| column.column_name.clone()).collect();
        row.merge_order = set(&others.join(","));
    }),
    ("merge without an order", |row| {
        row.load_mode = set("merge");
        row.merge_keys = set("ndc");
    }),
    ("replace period", |row| {
        row.load_mode = set("replace_period");
        row.key_regex = set(r"in/(?<day>\d{8})_701\.txt");
        row.period_column = set("business_date");
        row.period_value = set("{day}");
    }),
    ("own sql", |row| {
        row.key_regex = set(r"in/(?<day>\d{8})_701\.txt");
        row.pre_sql = set("DELETE FROM rdsftetl.held WHERE business_date = {day}; DELETE FROM rdsftetl.seen");
        row.post_sql = set("INSERT INTO rdsftetl.held SELECT ndc, {day} FROM rdsftetl.pharmacy_price");
    }),
];

fn main() {
    let mut statements = transactions();
    statements.extend(around_a_load());
    for script in warehouse_sql().into_iter().chain(sample_sql()) {
        statements.extend(named(script.name, script.statements));
    }
    println!("{}", Value::Array(statements));
}

fn named(name: &str, texts: Vec<String>) -> Vec<Value> {
    texts
        .into_iter()
        .map(|sql| json!({ "name": name, "sql": sql }))
        .collect()
}

/// Every format with every setting that it takes.
fn transactions() -> Vec<Value> {
    let mut statements = Vec::new();
    for (format, change_format) in FORMATS {
        for (setting, change_setting) in SETTINGS {
            let mut row = arrange::row();
            change_format(&mut row);
            change_setting(&mut row);
            let Ok(rule) = FileRule::from_row(&row) else {
                continue;
            };
            if arrange::spec_of(&rule).is_err() {
                continue;
            }
            let mut load = Load::of(&rule);
            load.captures.insert("day".to_owned(), "20261121".to_owned());
            load.rows_expected = (setting != "nothing").then_some(7);
            if setting == "no file name" {
                load.warehouse.iam_role = "default".to_owned();
            }
            let name = format!("{format}, {setting}");
            statements.extend(named(&name, load.render().unwrap().statements));
        }
    }
    statements
}

fn around_a_load() -> Vec<Value> {
    let rule = rule(|_| {});
    let table = rule.table.as_ref().unwrap();
    let load = LoadId::from_uuid(Uuid::from_u128(7));
    let mut statements = named("marker", marker::create_statements(table).unwrap());
    statements.extend(named(
        "queries",
        vec![
            marker::target_query(table).unwrap(),
            marker::row_count_query(table, load).unwrap(),
            row_errors::query(1001, 20),
        ],
    ));
    statements
}

//! The commands that change rules, and what becomes of files under them, on a stack of their own.

use std::io::Write as _;
use std::process::Output;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail, ensure};
use insta::assert_snapshot;
use longshore_testkit::LocalStackOptions;
use serde_json::Value;

use crate::support::{Feed, Stack, World, unique};

static RULES: LazyLock<Result<Arc<Stack>, String>> = LazyLock::new(|| {
    let options = LocalStackOptions {
        samples: true,
        ..LocalStackOptions::default()
    };
    Stack::start(options)
        .map(Arc::new)
        .map_err(|error| format!("{error:#}"))
});
/// Who changes rules, and why.
const HAND: [&str; 4] = ["--as", "ann", "--why", "a test"];

async fn world() -> anyhow::Result<World> {
    match &*RULES {
        Ok(stack) => {
            let world = World::on(Arc::clone(stack)).await?;
            world.set_column_numbers_apart().await?;
            Ok(world)
        }
        Err(error) => bail!("the stack did not start: {error}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl World {
    /// A command that changes rules, by its exit code, what it printed, and what it said.
    fn by_ann(&self, arguments: &[&str]) -> anyhow::Result<(Option<i32>, String, String)> {
        let arguments = [arguments, &HAND].concat();
        let Output {
            status,
            stdout,
            stderr,
        } = self.longshore(&arguments)?;
        Ok((status.code(), text(&stdout), text(&stderr)))
    }

    fn prints(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.longshore(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        Ok(text(&output.stdout))
    }
}

/// A document in a file, and its path.
fn document(content: &str) -> anyhow::Result<(tempfile::NamedTempFile, String)> {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    file.write_all(content.as_bytes())?;
    let path = file.path().to_str().context("a path in UTF-8")?.to_owned();
    Ok((file, path))
}

/// Numbers and times differ from run to run; with them the width of tables.
fn with_filters(feed: &Feed<'_>, path: &str, check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex_of(path), "rules.yaml");
    settings.add_filter(&format!(r"\b{}\b", feed.interface), "<feed>");
    settings.add_filter(&format!(r"\b{}\b", feed.rule), "<rule>");
    settings.add_filter(&format!(r"\b{}\b", feed.token), "<token>");
    settings.add_filter(&format!(r"\b{}\b", feed.table), "<table>");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "<time>");
    settings.add_filter(r"[─═]{2,}", "──");
    settings.add_filter(r" +([│┆])", " $1");
    settings.bind(check);
}

/// A text as an expression that finds just it.
fn regex_of(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '/';
    text.chars()
        .map(|character| match is_plain(character) {
            true => character.to_string(),
            false => format!("\\{character}"),
        })
        .collect()
}

#[tokio::test]
async fn what_is_exported_and_applied_changes_nothing() -> anyhow::Result<()> {
    let world = world().await?;
    let exported = world.prints(&["rule", "export", "71", "72", "73", "74", "75"])?;
    let (_file, path) = document(&exported)?;
    let (code, printed, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(
        (code, printed.as_str()),
        (Some(0), "Nothing differs.\n"),
        "{said}"
    );
    assert_eq!(
        world.prints(&["rule", "export", "71", "72", "73", "74", "75"])?,
        exported
    );
    Ok(())
}

#[tokio::test]
async fn a_plan_is_shown_first_and_done_when_it_is_meant() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let rule = feed.rule.to_string();
    let exported = world.prints(&["rule", "export", &rule])?;
    let (_file, path) =
        document(&exported.replace("delimiter: \"|\"", "delimiter: \",\"\n    resend_policy: accept"))?;
    let (code, plan, said) = world.by_ann(&["rule", "apply", &path])?;
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "Nothing was done; say --yes to do it.\n")
    );
    with_filters(&feed, &path, || {
        assert_snapshot!(plan, @"
    ┌──┬──┬──┬──┬──┐
    │ what ┆ is ┆ field ┆ from ┆ to │
    ╞──╪──╪──╪──╪──╡
    │ rule <feed> ┆ changed ┆ delimiter ┆ | ┆ , │
    │ ┆ ┆ resend_policy ┆ ┆ accept │
    └──┴──┴──┴──┴──┘
    ")
    });
    assert_eq!(world.prints(&["rule", "export", &rule])?, exported);

    feed.land("1|one\n").await?.assert_loaded(1);
    let (code, done, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!((code, done, said.as_str()), (Some(0), plan, ""));
    let story = feed.land("2,two\n").await?;
    story.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|one", "2|two"]);

    let shown = world.prints(&["load", "show", story.load.id()])?;
    let version = story.load.number("rule_version").context("a version")?;
    assert!(shown.contains(&format!("{rule}, version {version}")), "{shown}");
    let versions = world.prints(&["rule", "show", &rule])?;
    assert!(
        versions.contains("ann") && versions.contains("a test"),
        "{versions}"
    );
    let before = world.prints(&["rule", "show", &rule, "--version", &(version - 1).to_string()])?;
    assert!(
        before.contains("delimiter: \"|\"") && !before.contains("resend_policy"),
        "{before}"
    );
    Ok(())
}

#[tokio::test]
async fn a_document_at_fault_is_refused_whole_with_every_line() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let exported = world.prints(&["rule", "export", &feed.rule.to_string()])?;
    let faulty = exported.replace("delimiter: \"|\"", "delimeter: \"|\"\n    paused: perhaps");
    let (_file, path) = document(&faulty)?;
    let (code, printed, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    with_filters(&feed, &path, || {
        assert_snapshot!(said, @r#"
    error: rules.yaml:13: "delimeter" is no field; did you mean delimiter?
    rules.yaml:14: paused: "perhaps" is neither true nor false
    "#)
    });

    let faulty = exported.replace(
        "file_format: txt",
        "file_format: tst\n    copy_options: NOSUCH\n    encoding: EBCDIC",
    );
    let (_file, path) = document(&faulty)?;
    let (code, _, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(code, Some(1));
    with_filters(&feed, &path, || {
        assert_snapshot!(said, @r#"
    error: rules.yaml:11: rule <feed>: file_format: "tst" is no format; write txt, csv, fixed_width, json, avro, parquet or orc (gz, bz2, lzo and zst mean compressed delimited text)
    rules.yaml:13: rule <feed>: encoding: "EBCDIC" is none of UTF8, UTF16, UTF16LE, UTF16BE or ISO88591
    "#)
    });
    assert_eq!(
        world.prints(&["rule", "export", &feed.rule.to_string()])?,
        exported
    );
    Ok(())
}

#[tokio::test]
async fn the_rules_of_a_group_are_exported_and_applied_with_their_parts_in_it() -> anyhow::Result<()> {
    let world = world().await?;
    let group = format!("round-trip-{}", unique());
    let [data, control] = [world.feed().create().await?, world.feed().create().await?];
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET load_group = '{group}', file_name_column = NULL, \
             key_regex = 'in/(?<day>[0-9]+)/.*_{data}\\..*', group_key = 'day', group_seconds = 7200
             WHERE ext_file_config_sid = {data};
         UPDATE rdscnfg.ext_file_config SET load_group = '{group}', group_role = 'control', file_name_column = NULL, \
             key_regex = 'in/(?<day>[0-9]+)/.*_{control}\\..*', group_key = 'day', tgt_schema_name = NULL, tgt_table_name = NULL
             WHERE ext_file_config_sid = {control}",
        data = data.rule,
        control = control.rule
    );
    world.control.batch_execute(&sql).await?;
    let (data, control) = (data.rule.to_string(), control.rule.to_string());
    let exported = world.prints(&["rule", "export", &data, &control])?;
    for field in [
        format!("load_group: {group}"),
        "group_role: control".to_owned(),
        "group_key: day".to_owned(),
        "group_seconds: 7200".to_owned(),
    ] {
        assert!(exported.contains(&field), "{exported}");
    }
    let (_file, path) = document(&exported)?;
    let (code, printed, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(
        (code, printed.as_str()),
        (Some(0), "Nothing differs.\n"),
        "{said}"
    );

    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET load_group = NULL, group_role = NULL, group_key = NULL, group_seconds = NULL, \
         oprtnl_flag = 'I' WHERE ext_file_config_sid IN ({data}, {control})"
    );
    world.control.batch_execute(&sql).await?;
    let (code, printed, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        printed.contains("group_role") && printed.contains("group_seconds"),
        "{printed}"
    );
    assert_eq!(world.prints(&["rule", "export", &data, &control])?, exported);

    // What only shows when the rules are looked at together is refused at its line.
    let named = exported.replacen("file_name_column: ~", "file_name_column: file_name", 1);
    let (_file, path) = document(&named.replacen(
        "group_seconds: 7200",
        "group_seconds: 7200\n    group_files: 1",
        1,
    ))?;
    let (code, _, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(code, Some(1));
    for fault in [
        "file_name_column: cannot be filled in a group with a control file",
        "group_files: is set, and the group's control file says which files a set has",
    ] {
        assert!(said.contains(&format!("rule {data}: {fault}")), "{said}");
    }
    assert_eq!(world.prints(&["rule", "export", &data, &control])?, exported);
    Ok(())
}

#[tokio::test]
async fn a_rule_that_takes_another_ones_files_is_refused() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let exported = world.prints(&["rule", "export", &feed.rule.to_string()])?;
    let twin = unique();
    let (_file, path) = document(&exported.replace(
        &format!("ext_file_config_sid: {}", feed.rule),
        &format!("ext_file_config_sid: {twin}"),
    ))?;
    let (code, _, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("rule {} takes the same files", feed.rule)),
        "{said}"
    );
    assert!(
        world
            .prints(&["rule", "export"])?
            .contains(&format!("ext_file_config_sid: {}", feed.rule))
    );
    let missing = world.longshore(&["rule", "show", &twin.to_string()])?;
    assert_eq!(missing.status.code(), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_document_by_hand_makes_a_feed_and_its_rule_and_files_are_loaded() -> anyhow::Result<()> {
    let world = world().await?;
    let table = world.feed().create().await?;
    let (feed, rule) = (unique(), unique());
    let (schema, name) = table.table.split_once('.').context("schema.table")?;
    let (_file, path) = document(&format!(
        "# Prices of the new partner.
interfaces:
- {{ext_interface_cid: {feed}, interface_name: 'NEW'}}
rules:
- ext_file_config_sid: {rule}
  ext_interface_cid: {feed}
  file_prefix: {rule}.
  tgt_schema_name: {schema}
  tgt_table_name: {name}
  file_format: txt
  file_type: txt
  delimiter: '|'
  load_id_column: ~
  columns: [id, name]
"
    ))?;
    let (code, printed, said) = world.by_ann(&["rule", "apply", &path, "--yes"])?;
    assert_eq!(code, Some(0), "{printed}{said}");
    let story = world.land(&format!("by_hand_{rule}.txt"), "7|seven\n").await?;
    story.assert_loaded(1);
    let exported = world.prints(&["rule", "export", &rule.to_string()])?;
    let (_file, path) = document(&exported)?;
    let (_, printed, _) = world.by_ann(&["rule", "apply", &path])?;
    assert_eq!(printed, "Nothing differs.\n");
    Ok(())
}

#[tokio::test]
async fn rules_are_added_and_edited_field_by_field() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let rule = feed.rule.to_string();
    let (code, _, said) = world.by_ann(&["rule", "edit", &rule, "colum=1", "delimiter"])?;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("\"colum\" is no field; did you mean columns?"),
        "{said}"
    );
    assert!(
        said.contains("\"delimiter\" says nothing; write FIELD=VALUE"),
        "{said}"
    );
    let (code, printed, said) =
        world.by_ann(&["rule", "edit", &rule, "delimiter=;", "columns=id,name", "--yes"])?;
    assert_eq!(code, Some(0), "{printed}{said}");
    feed.land("1;one\n").await?.assert_loaded(1);

    let token = format!("t{}", unique());
    let feed_number = format!("ext_interface_cid={}", feed.interface);
    let fields = [
        format!("ext_file_config_sid={}", unique()),
        format!("file_prefix={token}."),
        feed_number,
        "file_format=parquet".to_owned(),
        "file_type=parquet".to_owned(),
        "tgt_schema_name=rdsftetl".to_owned(),
        "tgt_table_name=added".to_owned(),
        "columns=id,name".to_owned(),
    ];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let command = [&["rule", "add"], fields.as_slice(), &["--yes"]].concat();
    let (code, printed, said) = world.by_ann(&command)?;
    assert_eq!(code, Some(0), "{printed}{said}");
    assert!(printed.contains("added") && printed.contains(&token), "{printed}");
    let explained = world.prints(&["rule", "explain", &format!("s3://b/in/x_{token}.parquet")])?;
    assert!(explained.contains("takes it"), "{explained}");
    let (code, _, said) = world.by_ann(&command)?;
    assert_eq!(code, Some(1));
    assert!(said.contains("change it with: longshore rule edit"), "{said}");
    Ok(())
}

#[tokio::test]
async fn files_of_a_paused_rule_wait_and_are_loaded_once_it_is_resumed() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let rule = feed.rule.to_string();
    let (code, _, said) = world.by_ann(&["rule", "pause", &rule, "--yes"])?;
    assert_eq!(code, Some(0), "{said}");
    let listed = world.prints(&["rule", "list", "--status", "paused"])?;
    assert!(listed.contains(&feed.token), "{listed}");

    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|one\n").await?;
    let waiting = format!(
        "SELECT to_jsonb(waits_for) FROM rdscnfg.ext_file_load WHERE object_key = '{key}' AND waits_for IS NOT NULL"
    );
    while world.control_rows(&waiting).await?.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let run = world.longshore(&["reconcile", "--once", "--idle", "0"])?;
    ensure!(run.status.success(), "{}", text(&run.stderr));
    let loads = world.loads_of(&key).await?;
    assert_eq!(loads[0].state(), "received");
    let shown = world.prints(&["load", "show", loads[0].id()])?;
    assert!(shown.contains(&format!("rule {rule} is resumed")), "{shown}");
    assert!(world.prints(&["rule", "show", &rule])?.contains("1 file waits"));

    let (code, _, said) = world.by_ann(&["rule", "resume", &rule, "--yes"])?;
    assert_eq!(code, Some(0));
    assert!(said.contains("1 file waits"), "{said}");
    let stories = world.reconcile_until_settled(&key, 1).await?;
    stories[0].assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|one"]);
    Ok(())
}

#[tokio::test]
async fn lint_names_every_fault_of_every_rule_it_is_asked_about() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world
        .feed()
        .set("encoding", "EBCDIC")
        .set("copy_options", "NOSUCH")
        .create()
        .await?;
    let rule = feed.rule.to_string();
    let output = world.longshore(&["--json", "rule", "lint", &rule])?;
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(found["faults"][0]["faults"][0]["column"], "encoding");
    assert_eq!(
        world.prints(&["rule", "lint", "71", "75"])?,
        "2 rules are sound.\n"
    );
    let listed = world.prints(&[
        "rule",
        "list",
        "--status",
        "faulty",
        "--interface",
        &feed.interface.to_string(),
    ])?;
    assert!(listed.contains("EBCDIC"), "{listed}");
    assert_eq!(
        world.longshore(&["rule", "lint", "999999"])?.status.code(),
        Some(1)
    );
    Ok(())
}

#[tokio::test]
async fn lint_finds_what_a_load_mode_a_batch_or_a_rules_own_sql_cannot_be() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world
        .feed()
        .set("load_mode", "merge")
        .set("batch_files", "2000")
        .create()
        .await?;
    let own_sql = world
        .feed()
        .set("pre_sql", "TRUNCATE rdsftetl.price")
        .create()
        .await?;
    for (feed, columns) in [
        (&feed, &["merge_keys", "batch_files"][..]),
        (&own_sql, &["pre_sql"][..]),
    ] {
        let rule = feed.rule.to_string();
        let output = world.longshore(&["--json", "rule", "lint", &rule])?;
        assert_eq!(output.status.code(), Some(1));
        let found: Value = serde_json::from_slice(&output.stdout)?;
        let faults = found["faults"][0]["faults"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for column in columns {
            let is_named = faults.iter().any(|fault| fault["column"] == *column);
            assert!(is_named, "{column} is not named: {found}");
        }
    }
    Ok(())
}

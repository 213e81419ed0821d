//! The operator's command line, on a stack of its own that has the sample rules.

use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail};
use insta::assert_snapshot;
use longshore_testkit::{LocalStackOptions, program};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::support::{Stack, Story, World};

static SAMPLES: LazyLock<Result<Arc<Stack>, String>> = LazyLock::new(|| {
    let options = LocalStackOptions {
        samples: true,
        ..LocalStackOptions::default()
    };
    Stack::start(options)
        .map(Arc::new)
        .map_err(|error| format!("{error:#}"))
});
const PRICES: &str = "00002025202|B|8.75|2026-01-01|2079-12-31\nTRL|00000001\n";
const SHORT: &str = "00002025202|B|8.75|2026-01-01|2079-12-31\nTRL|00000005\n";

/// The sample stack with one file loaded and one refused, by their load ids.
struct Sample {
    world: World,
    loaded: String,
    refused: String,
}

impl Sample {
    async fn get() -> anyhow::Result<Self> {
        static LANDED: OnceCell<(String, String)> = OnceCell::const_new();
        let world = match &*SAMPLES {
            Ok(stack) => World::on(Arc::clone(stack)).await?,
            Err(error) => bail!("the stack with samples did not start: {error}"),
        };
        let landed = LANDED.get_or_try_init(|| async {
            let id = |story: Story| story.load.id().to_owned();
            let loaded = world.land("PRICES_GOOD_701.txt", PRICES).await?;
            loaded.assert_loaded(1);
            let refused = world.land("PRICES_SHORT_701.txt", SHORT).await?;
            anyhow::Ok((id(loaded), id(refused)))
        });
        let (loaded, refused) = landed.await?.clone();
        Ok(Self {
            world,
            loaded,
            refused,
        })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.world.stack.local.command(arguments)?.output()?)
    }

    /// What a command prints when it is done.
    fn prints(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            bail!(
                "{arguments:?} ended with {}: {}",
                output.status,
                text(&output.stderr)
            );
        }
        Ok(text(&output.stdout))
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        Ok(serde_json::from_str(&self.prints(&arguments)?)?)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Ids and times differ from run to run; with them the width of tables.
fn with_filters(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "<id>",
    );
    settings.add_filter(r"1-[0-9a-f]{8}-[0-9a-f]{24}", "<trace>");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "<time>");
    settings.add_filter(r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d", "<stamp>");
    settings.add_filter(r"\+\d+ ms", "<ms>");
    settings.add_filter(r"[─═]{2,}", "──");
    settings.add_filter(r" +([│┆])", " $1");
    settings.bind(check);
}

#[tokio::test]
async fn rule_list_says_of_every_rule_whether_it_is_sound() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let printed = sample.prints(&["rule", "list"])?;
    with_filters(|| {
        assert_snapshot!(printed, @"
    ┌──┬──┬──┬──┬──┬──┐
    │ rule ┆ interface ┆ finds ┆ format ┆ table ┆ check │
    ╞──╪──╪──╪──╪──╪──╡
    │ 71 ┆ PHARMACY_PRICE (701) ┆ names ending in _701.* ┆ txt ┆ rdsftetl.pharmacy_price ┆ sound │
    │ 72 ┆ SHIPMENT (702) ┆ names ending in _702.* ┆ txt ┆ split by HD,DT ┆ sound │
    │ 73 ┆ SHIPMENT (702) ┆ names ending in _702-HD.* ┆ txt ┆ rdsftetl.shipment_header ┆ sound │
    │ 74 ┆ SHIPMENT (702) ┆ names ending in _702-DT.* ┆ txt ┆ rdsftetl.shipment_line ┆ sound │
    │ 75 ┆ PRODUCT (703) ┆ names ending in _703.* ┆ csv ┆ rdsftetl.product ┆ sound │
    └──┴──┴──┴──┴──┴──┘
    ")
    });
    let rules = sample.json(&["rule", "list"])?;
    let rules = rules.as_array().cloned().unwrap_or_default();
    assert_eq!(rules.len(), 5);
    assert!(rules.iter().all(|rule| rule["faults"].is_null()), "{rules:?}");
    Ok(())
}

#[tokio::test]
async fn rule_explain_says_which_rule_takes_a_file_and_why_not_the_others() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let printed = sample.prints(&["rule", "explain", "s3://landing/in/PRICES_20261121_701.txt"])?;
    with_filters(|| {
        assert_snapshot!(printed, @r#"
    ┌──┬──┬──┐
    │ rule ┆ ┆ because │
    ╞──╪──╪──╡
    │ 71 ┆ matches ┆ token "701" matches │
    │ 72 ┆ does not ┆ token "702" is not the name's token "701" │
    │ 73 ┆ does not ┆ token "702-HD" is not the name's token "701" │
    │ 74 ┆ does not ┆ token "702-DT" is not the name's token "701" │
    │ 75 ┆ does not ┆ token "703" is not the name's token "701" │
    └──┴──┴──┘
    rule 71 takes it: rdsftetl.pharmacy_price
    "#)
    });
    let explained = sample.json(&["rule", "explain", "s3://landing/in/PRICES_20261121_701.txt"])?;
    let matching: Vec<_> = explained["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| rule["matches"] == true)
        .map(|rule| rule["rule"].clone())
        .collect();
    assert_eq!(matching, [71], "{explained}");
    Ok(())
}

#[tokio::test]
async fn rule_explain_ends_with_1_for_a_file_that_would_be_refused() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let output = sample.run(&["rule", "explain", "s3://landing/in/NOTES_999.txt"])?;
    assert_eq!(code(&output), Some(1));
    assert!(
        text(&output.stdout).contains("no active rule matches (token \"999\")"),
        "{output:?}"
    );
    Ok(())
}

#[tokio::test]
async fn load_list_shows_loads_by_state_and_rule() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let printed = sample.prints(&["load", "list", "--rule", "71"])?;
    with_filters(|| {
        assert_snapshot!(printed, @"
    ┌──┬──┬──┬──┬──┬──┬──┬──┐
    │ load ┆ file ┆ state ┆ outcome ┆ rows ┆ table ┆ received ┆ error │
    ╞──╪──╪──╪──╪──╪──╪──╪──╡
    │ <id> ┆ PRICES_SHORT_701.txt ┆ rejected ┆ open ┆ ┆ rdsftetl.pharmacy_price ┆ <time> ┆ trailer_count_mismatch: line 2, byte 41: the trailer says 5 records, the file has 1; ask the sender for the whole file │
    │ <id> ┆ PRICES_GOOD_701.txt ┆ complete ┆ ┆ 1 ┆ rdsftetl.pharmacy_price ┆ <time> ┆ │
    └──┴──┴──┴──┴──┴──┴──┴──┘
    ")
    });
    let rejected = sample.json(&["load", "list", "--state", "rejected"])?;
    assert_eq!(rejected.as_array().map(Vec::len), Some(1), "{rejected}");
    assert_eq!(rejected[0]["id"], sample.refused.as_str(), "{rejected}");
    Ok(())
}

#[tokio::test]
async fn load_list_finds_loads_by_time_file_and_code() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let key = "s3://longshore-landing/external_input/PRICES_SHORT_701.txt";
    let (both, refused) = (2, 1);
    let cases: [(&[&str], usize); 10] = [
        (&["--since", "6h"], both),
        (&["--until", "6h"], 0),
        (&["--file", "PRICES_"], both),
        (&["--file", "PRICES_SHORT"], refused),
        (&["--file", key], refused),
        (&["--file", "external_input/"], both),
        (&["--code", "trailer_count_mismatch"], refused),
        (&["--code", "follow_up_failed"], 0),
        (&["--open"], refused),
        (&["--open", "--state", "failed"], 0),
    ];
    for (filters, expected) in cases {
        let arguments: Vec<&str> = ["load", "list", "--rule", "71"]
            .iter()
            .chain(filters)
            .copied()
            .collect();
        let listed = sample.json(&arguments)?;
        assert_eq!(
            listed.as_array().map(Vec::len),
            Some(expected),
            "{filters:?}: {listed}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn load_show_tells_everything_about_a_load() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let loaded = sample.prints(&["load", "show", &sample.loaded])?;
    with_filters(|| {
        assert_snapshot!(loaded, @"
    load                 <id>
    trace                <trace>
    state                complete
    file                 PRICES_GOOD_701.txt
    object               s3://longshore-landing/external_input/PRICES_GOOD_701.txt
    bytes                54
    interface            PHARMACY_PRICE (701)
    rule                 71, version 1
    table                rdsftetl.pharmacy_price
    records in the file  1
    rows loaded          1
    rows rejected        0
    archived as          archive/701/PRICES_GOOD_701.txt_<stamp>
    received             <time>
    prepared             <time>
    submitted            <time>
    loaded               <time>
    concluded            <time>

    statements
    ┌──┬──┬──┬──┬──┬──┐
    │ for ┆ try ┆ state ┆ statement id ┆ failed step ┆ error │
    ╞──╪──╪──╪──╪──╪──╡
    │ load ┆ 1 ┆ finished ┆ <id> ┆ ┆ │
    │ follow_up ┆ 1 ┆ finished ┆ <id> ┆ ┆ │
    └──┴──┴──┴──┴──┴──┘

    messages
    ┌──┬──┬──┐
    │ subject ┆ sent ┆ tries │
    ╞──╪──╪──╡
    │ Longshore SUCCESS: loaded PRICES_GOOD_701.txt ┆ <time> ┆ 1 │
    └──┴──┴──┘
    ")
    });
    let refused = sample.prints(&["load", "show", &sample.refused])?;
    with_filters(|| {
        assert_snapshot!(refused, @"
    load                 <id>
    trace                <trace>
    state                rejected
    outcome              open
    file                 PRICES_SHORT_701.txt
    object               s3://longshore-landing/external_input/PRICES_SHORT_701.txt
    bytes                54
    interface            PHARMACY_PRICE (701)
    rule                 71, version 1
    table                rdsftetl.pharmacy_price
    archived as          archive/error/PRICES_SHORT_701.txt_<stamp>
    error                trailer_count_mismatch: line 2, byte 41: the trailer says 5 records, the file has 1; ask the sender for the whole file
    received             <time>
    concluded            <time>

    messages
    ┌──┬──┬──┐
    │ subject ┆ sent ┆ tries │
    ╞──╪──╪──╡
    │ Longshore FAILED: rejected PRICES_SHORT_701.txt ┆ <time> ┆ 1 │
    └──┴──┴──┘
    ")
    });
    let shown = sample.json(&["load", "show", &sample.loaded])?;
    assert_eq!(shown["load"]["state"], "complete", "{shown}");
    assert_eq!(shown["notices"].as_array().map(Vec::len), Some(1), "{shown}");
    Ok(())
}

#[tokio::test]
async fn an_id_may_be_typed_by_its_beginning() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let whole = sample.json(&["load", "show", &sample.loaded])?;
    let beginning = sample.loaded.get(..8).context("eight characters")?;
    let shown = sample.json(&["load", "show", beginning])?;
    assert_eq!(shown["load"]["id"], whole["load"]["id"], "{shown}");
    let short = sample.run(&["load", "show", beginning.get(..7).context("seven")?])?;
    assert_eq!(code(&short), Some(1), "{short:?}");
    let nobody = sample.run(&["load", "show", "00000000"])?;
    assert!(
        text(&nobody.stderr).contains("there is no load whose id begins with 00000000"),
        "{nobody:?}"
    );
    Ok(())
}

#[tokio::test]
async fn load_timeline_tells_the_states_that_a_load_passed_through() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let timeline = sample.json(&["load", "timeline", &sample.loaded])?;
    let states: Vec<_> = timeline
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| change["to"].as_str().unwrap_or_default())
        .collect();
    let expected = [
        "received",
        "prepared",
        "queued",
        "submitted",
        "loaded",
        "transforming",
        "complete",
    ];
    assert_eq!(states, expected);
    let printed = sample.prints(&["load", "timeline", &sample.refused])?;
    with_filters(|| {
        assert_snapshot!(printed, @"
    ┌──┬──┬──┬──┬──┐
    │ at ┆ after ┆ state ┆ note ┆ by │
    ╞──╪──╪──╪──╪──╡
    │ <time> ┆ <ms> ┆ received ┆ ┆ <id> │
    │ <time> ┆ <ms> ┆ rejected ┆ trailer_count_mismatch ┆ <id> │
    └──┴──┴──┴──┴──┘
    ")
    });
    Ok(())
}

#[tokio::test]
async fn migrate_may_be_run_again_and_changes_nothing() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let migrated = sample.json(&["migrate", "--samples"])?;
    assert_eq!(migrated["control_database"], serde_json::json!([]));
    let rules = sample.json(&["rule", "list"])?;
    assert_eq!(rules.as_array().map(Vec::len), Some(5));
    Ok(())
}

#[tokio::test]
async fn wrong_input_ends_with_1_and_says_what_would_be_right() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let nobody = "00000000-0000-0000-0000-000000000000";
    let cases: [(&[&str], &str); 6] = [
        (&["load", "show", nobody], "there is no load"),
        (&["load", "show", "first"], "a load's id looks like"),
        (&["load", "list", "--state", "lost"], "the states are received"),
        (&["rule", "explain", "orders.txt"], "write s3://bucket/key"),
        (&["load"], "Usage"),
        (&["unload"], "unrecognized subcommand"),
    ];
    for (arguments, says) in cases {
        let output = sample.run(arguments)?;
        assert_eq!(code(&output), Some(1), "{arguments:?}: {output:?}");
        assert!(
            text(&output.stderr).contains(says),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{arguments:?} wrote to stdout");
    }
    Ok(())
}

#[tokio::test]
async fn local_sql_runs_a_statement_and_prints_a_table() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    let statement = "select 1 as one, null::int as nothing, 'x' as \"Text\"";
    assert_snapshot!(sample.prints(&["local", "sql", "-c", statement])?, @"
    ┌─────┬─────────┬──────┐
    │ one ┆ nothing ┆ text │
    ╞═════╪═════════╪══════╡
    │ 1   ┆ NULL    ┆ x    │
    └─────┴─────────┴──────┘
    1 row
    ");
    let json = sample.json(&["local", "sql", "-c", statement])?;
    assert_eq!(json["rows"][0]["one"], "1");
    assert!(json["rows"][0]["nothing"].is_null());
    assert_eq!(json["row_count"], 1);
    assert_eq!(
        sample.prints(&["local", "sql", "-c", "create temp table t (a int)"])?,
        "done\n"
    );
    Ok(())
}

#[tokio::test]
async fn local_sql_ends_with_1_and_the_warehouses_words() -> anyhow::Result<()> {
    let sample = Sample::get().await?;
    for (statement, says) in [
        (
            "select nonsense",
            "error: ERROR: column \"nonsense\" does not exist",
        ),
        (
            "unload ('select 1') to 's3://b/k'",
            "UNLOAD is not supported by the local warehouse",
        ),
        ("select 1; select 2", "Exactly one SQL statement is expected"),
    ] {
        let output = sample.run(&["local", "sql", "-c", statement])?;
        assert_eq!(code(&output), Some(1), "{statement}: {output:?}");
        assert!(text(&output.stderr).contains(says), "{statement}: {output:?}");
    }
    let output = Command::new(program("longshore")?)
        .args(["local", "sql", "-c", "select 1"])
        .env_remove("LONGSHORE_LOCAL")
        .output()?;
    assert_eq!(code(&output), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("--local FILE"), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn local_sql_gives_the_terminal_to_psql_or_says_what_installs_it() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let sample = Sample::get().await?;
    let folder = tempfile::tempdir()?;
    let mut command = sample.world.stack.local.command(&["local", "sql"])?;
    let output = command.env("PATH", folder.path()).output()?;
    assert_eq!(code(&output), Some(1), "{output:?}");
    assert!(
        text(&output.stderr).contains("apt-get install postgresql-client"),
        "{output:?}"
    );
    // A psql that shows how it was called.
    let psql = folder.path().join("psql");
    std::fs::write(
        &psql,
        "#!/bin/sh\necho \"$1 $PGOPTIONS password=$PGPASSWORD.\"\nexit 3\n",
    )?;
    std::fs::set_permissions(&psql, std::fs::Permissions::from_mode(0o755))?;
    let mut command = sample.world.stack.local.command(&["local", "sql"])?;
    let output = command.env("PATH", folder.path()).output()?;
    assert_eq!(code(&output), Some(3), "{output:?}");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("/warehouse") && shown.contains("standard_conforming_strings=off"),
        "{shown}"
    );
    // Everybody on the machine sees what a program was called with.
    let (called_with, password) = shown.split_once(" password=").context("a password")?;
    let password = password.trim_end().trim_end_matches('.');
    assert!(password.len() == 32 && !called_with.contains(password), "{shown}");
    Ok(())
}

#[test]
fn a_ready_file_that_is_not_there_ends_with_1_and_says_how_to_get_one() -> anyhow::Result<()> {
    let output = Command::new(program("longshore")?)
        .args(["--local", "/nowhere/ready.json", "load", "list"])
        .output()?;
    assert_eq!(code(&output), Some(1));
    assert!(
        text(&output.stderr).contains("longshore local up --ready-file"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn a_stack_that_is_gone_ends_with_2() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stack = longshore_testkit::LocalStack::start(LocalStackOptions::default())?;
    let kept = folder.path().join("ready.json");
    std::fs::copy(stack.ready_file(), &kept)?;
    stack.stop()?;
    let output = Command::new(program("longshore")?)
        .arg("--local")
        .arg(&kept)
        .args(["--json", "load", "list"])
        .output()?;
    assert_eq!(code(&output), Some(2), "{output:?}");
    let error: Value = serde_json::from_slice(&output.stderr)?;
    assert!(error["error"].is_string(), "{error}");
    Ok(())
}

#[test]
fn settings_that_are_missing_are_named_together() -> anyhow::Result<()> {
    let output = Command::new(program("longshore")?)
        .args(["load", "list"])
        .env_clear()
        .output()?;
    assert_eq!(code(&output), Some(1), "{output:?}");
    let said = text(&output.stderr);
    for setting in [
        "secret_postgres",
        "secret_redshift",
        "sns_topic_arn",
        "iam_role",
        "--local FILE",
    ] {
        assert!(said.contains(setting), "{setting} is not named: {said}");
    }
    Ok(())
}

#[test]
fn help_names_every_command_and_ends_with_0() -> anyhow::Result<()> {
    let output = Command::new(program("longshore")?)
        .arg("--help")
        .env_remove("COLUMNS")
        .env_remove("LONGSHORE_LOCAL")
        .output()?;
    assert_eq!(code(&output), Some(0));
    assert_snapshot!(text(&output.stdout), @"
    Loads the files that land in a bucket into Amazon Redshift: once, checked, and on the record

    Usage: longshore [OPTIONS] <COMMAND>

    Commands:
      local      The whole of it on this machine
      demo       Start a local stack, land sample files, show what happens to each, and stop
      migrate    Bring the control database and the warehouse's own schemas up to date. May be run at
                 any time, and twice
      rule       The rules that say how files are checked, prepared and loaded
      load       The ledger of loads
      batch      Files that are loaded together: those that wait for each other, and the batches that
                 carry them
      file       What the ledger knows of one key, and what an operator may do about it
      backfill   Load what lies in a bucket under a rule and was never loaded
      bulk       Load what lies under a prefix into a table, once, by as few transactions as it takes
      snapshot   Load dated snapshots: the newest file into a table that is made, or widened, to fit its
                 description
      late       Files that should have come and did not
      marker     Where the ledger and the markers in the warehouse differ
      warehouse  The warehouses that loads go to
      dlq        Announcements that no function could take
      query      Chains of SQL statements
      chain      Chains that rules name as their follow-up
      import     Turn the configuration of an older loader into rules
      secret     The secrets and logins of a deployment
      notify     The topics that outcomes are told to
      doctor     Look at a deployment from the settings to the tables that its rules fill, and say what
                 mends what is wrong
      reconcile  Carry on what stands still until nothing is left. What external-file-reconcile does
      help       Print this message or the help of the given subcommand(s)

    Options:
          --json          Print JSON for machines instead of tables for people
          --local <FILE>  Work on the local stack that wrote this ready file (see `local up
                          --ready-file`). Without it, the settings come from the environment, as they do
                          for the functions [env: LONGSHORE_LOCAL=]
      -h, --help          Print help
      -V, --version       Print version
    ");
    Ok(())
}

#[test]
fn the_demo_ends_with_0_when_everything_is_as_it_should_be() -> anyhow::Result<()> {
    let output = Command::new(program("longshore")?).arg("demo").output()?;
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stderr) + &text(&output.stdout);
    assert!(said.contains("Everything is as it should be."), "{said}");
    Ok(())
}

#[tokio::test]
async fn rule_list_names_the_faults_of_a_rule() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("trailer_flag", "Y").create().await?;
    let output = world.stack.local.command(&["--json", "rule", "list"])?.output()?;
    let rules: Value = serde_json::from_slice(&output.stdout)?;
    let rules = rules.as_array().cloned().unwrap_or_default();
    let rule = rules
        .iter()
        .find(|rule| rule["rule"]["ext_file_config_sid"] == feed.rule);
    let fault = rule.map(|rule| rule["faults"][0]["column"].clone());
    assert_eq!(fault, Some("trailer_pstn".into()), "{rule:?}");
    Ok(())
}

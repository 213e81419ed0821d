//! `longshore snapshot load`: dated files into tables that are made to fit them.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::support::{PATIENCE, World, unique};

pub(crate) const DAY: &str = "2026-11-26T00:00:00Z";

/// A table of a bucket's snapshots.
pub(crate) struct Snapshots<'a> {
    pub(crate) world: &'a World,
    pub(crate) schema: String,
    table: String,
}

impl<'a> Snapshots<'a> {
    pub(crate) async fn new(world: &'a World) -> anyhow::Result<Self> {
        world.set_column_numbers_apart().await?;
        let snapshots = Self {
            world,
            schema: format!("snap{}", unique()),
            table: "pages".to_owned(),
        };
        world
            .query(&format!("CREATE SCHEMA {}", snapshots.schema))
            .await?;
        Ok(snapshots)
    }

    fn folder(&self, date: &str) -> String {
        let (year, month, day) = (&date[..4], &date[5..7], &date[8..10]);
        format!(
            "{}/{}/_data_timestamp_year={year}/_data_timestamp_month={month}/_data_timestamp_day={day}/",
            self.schema, self.table
        )
    }

    fn stem(&self, date: &str) -> String {
        format!("{}{}_{}_{date}", self.folder(date), self.schema, self.table)
    }

    pub(crate) async fn put(
        &self,
        date: &str,
        suffix: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> anyhow::Result<String> {
        let key = format!("{}{suffix}", self.stem(date));
        self.world.put(&key, bytes).await?;
        Ok(key)
    }

    pub(crate) fn description(&self, more: &str) -> String {
        format!(
            "{0}:\n  dest: {0}\n  columns:\n  - {{dest: at, type: timestamp, sortord: 1}}\n  - {{dest: id, type: int, distkey: \
             true, primarykey: true}}\n  - {{dest: name, type: text}}\n{more}  meta:\n    datadatecolumn: at\n    schema: {1}\n",
            self.table, self.schema
        )
    }

    pub(crate) async fn describe(&self, date: &str, text: &str) -> anyhow::Result<()> {
        let key = format!(
            "{}config_{}_{}_{date}.yml",
            self.folder(date),
            self.schema,
            self.table
        );
        self.world.put(&key, text).await.map(drop)
    }

    /// Data of a date with its description beside it.
    pub(crate) async fn day(&self, date: &str, rows: &[(&str, i32, &str)]) -> anyhow::Result<String> {
        self.describe(date, &self.description("")).await?;
        self.put(date, ".json", json(rows)).await
    }

    fn run(&self, more: &[&str]) -> anyhow::Result<Output> {
        let bucket = &self.world.ready().bucket;
        let fixed = [
            "snapshot",
            "load",
            "--schema",
            &self.schema,
            "--bucket",
            bucket,
            "--as",
            "ann",
        ];
        let tables = ["--tables", &self.table];
        let tables = if more.contains(&"--tables") {
            &tables[..0]
        } else {
            &tables[..]
        };
        self.world.longshore(&[&fixed[..], tables, more].concat())
    }

    /// Runs it, and it does what it should.
    pub(crate) fn load(&self, more: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[more, &["--json"]].concat())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.code() == Some(0), "{said}");
        let reports: Value = serde_json::from_slice(&output.stdout).with_context(|| said)?;
        Ok(reports[0].clone())
    }

    /// Runs it, and it is refused with exit 1 in these words.
    #[track_caller]
    fn assert_refused(&self, more: &[&str], says: &[&str]) {
        let output = self.run(more).expect("longshore runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for words in says {
            assert!(said.contains(words), "{words:?} is not said: {said}");
        }
    }

    pub(crate) async fn rows(&self) -> anyhow::Result<Vec<String>> {
        let sql = format!(
            "SELECT at, id, name FROM {}.{} ORDER BY at, id",
            self.schema, self.table
        );
        let rows = self.world.query(&sql).await?;
        let line = |row: Vec<Option<String>>| {
            row.into_iter()
                .map(|value| value.unwrap_or_default())
                .collect::<Vec<_>>()
                .join("|")
        };
        Ok(rows.into_iter().map(line).collect())
    }

    async fn is_there(&self) -> anyhow::Result<bool> {
        let sql = format!("SELECT 1 FROM svv_columns WHERE table_schema = '{}'", self.schema);
        Ok(!self.world.query(&sql).await?.is_empty())
    }
}

pub(crate) fn json(rows: &[(&str, i32, &str)]) -> String {
    let line = |(at, id, name): &(&str, i32, &str)| {
        format!("{{\"at\": \"{at}\", \"id\": {id}, \"name\": \"{name}\"}}\n")
    };
    rows.iter().map(line).collect()
}

fn gzip(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

#[tokio::test]
async fn the_newest_snapshot_makes_its_table_and_replaces_its_day_only() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    // By the dates in the names, whichever was written last.
    let key = snapshots
        .day(
            DAY,
            &[
                ("2026-11-26 01:00:00", 1, "plum"),
                ("2026-11-26 02:00:00", 2, "fig"),
            ],
        )
        .await?;
    snapshots
        .day("2026-11-25T00:00:00Z", &[("2026-11-25 01:00:00", 9, "old")])
        .await?;

    let report = snapshots.load(&[])?;
    assert_eq!(
        (&report["state"], &report["rows"]),
        (&"complete".into(), &2.into()),
        "{report}"
    );
    assert_eq!(
        snapshots.rows().await?,
        ["2026-11-26 01:00:00|1|plum", "2026-11-26 02:00:00|2|fig"]
    );
    let story = world.story(&key).await?;
    story.assert_stays(&world).await?;
    let latency = format!(
        "SELECT count(*) FROM public.latencies WHERE name = '{}.pages'",
        snapshots.schema
    );
    assert_eq!(world.query(&latency).await?[0][0].as_deref(), Some("1"));

    // The same again comes to the same, as a load of its own.
    let again = snapshots.load(&[])?;
    assert_ne!(again["load"], report["load"]);
    assert_eq!(snapshots.rows().await?.len(), 2);
    assert_eq!(world.query(&latency).await?[0][0].as_deref(), Some("1"));

    snapshots
        .day("2026-11-27T00:00:00Z", &[("2026-11-27 05:00:00", 3, "kiwi")])
        .await?;
    snapshots.load(&[])?;
    assert_eq!(snapshots.rows().await?.len(), 3, "other days stay");
    Ok(())
}

#[tokio::test]
async fn older_data_is_refused_with_both_dates_unless_forced_and_truncate_is_no_force() -> anyhow::Result<()>
{
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let older = "2026-11-24T00:00:00Z";
    snapshots.day(older, &[("2026-11-24 01:00:00", 9, "old")]).await?;
    snapshots.load(&[])?;

    for more in [&["--date", older][..], &["--date", older, "--truncate"]] {
        snapshots.assert_refused(more, &[older, "2026-11-26 01:00:00", "only with --force"]);
    }
    assert_eq!(snapshots.rows().await?.len(), 1);
    snapshots.load(&["--date", older, "--force"])?;
    assert_eq!(
        snapshots.rows().await?,
        ["2026-11-24 01:00:00|9|old", "2026-11-26 01:00:00|1|plum"]
    );
    snapshots.load(&["--date", older, "--force", "--truncate"])?;
    assert_eq!(snapshots.rows().await?, ["2026-11-24 01:00:00|9|old"]);
    Ok(())
}

#[tokio::test]
async fn data_that_is_overtaken_on_its_way_is_refused_with_both_dates() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let schema = snapshots.schema.clone();
    snapshots
        .day("2026-11-24T00:00:00Z", &[("2026-11-24 01:00:00", 1, "plum")])
        .await?;
    snapshots.load(&[])?;
    let overtaken = "2026-11-25T00:00:00Z";
    let key = snapshots
        .day(overtaken, &[("2026-11-25 01:00:00", 2, "fig")])
        .await?;

    // The load waits here: it was found to be the newest, and has not seen the table yet.
    let (blocker, connection) = tokio_postgres::connect(&world.ready().warehouse_database_url, NoTls).await?;
    tokio::spawn(async move { connection.await.ok() });
    let lock = format!("BEGIN; LOCK TABLE longshore.\"{schema}$pages\" IN ACCESS EXCLUSIVE MODE");
    blocker.batch_execute(&lock).await?;
    let bucket = &world.ready().bucket;
    let arguments = [
        "snapshot", "load", "--schema", &schema, "--tables", "pages", "--bucket", bucket, "--as", "ann",
    ];
    let mut command = world.stack.local.command(&arguments)?;
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while world
        .loads_of(&key)
        .await?
        .iter()
        .all(|load| load.state() != "submitted")
    {
        anyhow::ensure!(Instant::now() < deadline, "the load was not submitted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world
        .query(&format!(
            "INSERT INTO {schema}.pages (at, id, name) VALUES ('2026-11-26 09:00:00', 3, 'kiwi')"
        ))
        .await?;
    blocker.batch_execute("COMMIT").await?;

    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let words = [
        "the data of 2026-11-25T00:00:00Z was overtaken",
        "rows of 2026-11-26 00:00:00 or later",
        "only with --force",
    ];
    for words in words {
        assert!(said.contains(words), "{words:?} is not said: {said}");
    }
    assert_eq!(
        snapshots.rows().await?,
        ["2026-11-24 01:00:00|1|plum", "2026-11-26 09:00:00|3|kiwi"]
    );
    Ok(())
}

#[tokio::test]
async fn what_many_rows_were_deleted_for_is_vacuumed_and_analyzed() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let few = snapshots.load(&["--vacuum-rows", "1"])?;
    assert_eq!(
        few["maintenance"],
        Value::Array(vec![]),
        "nothing was deleted: {few}"
    );
    let report = snapshots.load(&["--vacuum-rows", "1", "--truncate"])?;
    let load = report["load"].as_str().context("a load")?;
    let sql = format!(
        "SELECT to_jsonb(kind || ' ' || state) FROM rdscnfg.ext_maintenance WHERE load_id = '{load}' ORDER BY maintenance_id"
    );
    for _ in 0..200 {
        if world.control_rows(&sql).await? == ["vacuum finished", "analyze finished"] {
            return Ok(());
        }
        world.longshore(&["reconcile", "--once"])?;
    }
    anyhow::bail!("{:?}", world.control_rows(&sql).await?)
}

#[tokio::test]
async fn new_columns_are_added_and_any_other_difference_is_named() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    snapshots.load(&[])?;
    let wider = snapshots.description(
        "  - {dest: hits, type: bigint, defaultval: 7}\n  - {dest: cost, type: \"decimal(10,2)\"}\n",
    );
    snapshots.describe(DAY, &wider).await?;
    let report = snapshots.load(&[])?;
    assert_eq!(report["ddl"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(
        snapshots.load(&[])?["ddl"],
        Value::Array(vec![]),
        "it fits by now"
    );

    let other = wider.replace("type: bigint", "type: int").replace(
        "dest: name, type: text",
        "dest: name, type: longtext, notnull: true",
    );
    snapshots.describe(DAY, &other).await?;
    snapshots.assert_refused(
        &[],
        &[
            "column \"name\": not null is false in the table and true as described",
            "column \"hits\": type is bigint in the table and integer as described",
        ],
    );
    Ok(())
}

#[tokio::test]
async fn a_plan_prints_the_statements_and_changes_nothing() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let output = snapshots.run(&["--plan"])?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "CREATE TABLE IF NOT EXISTS",
        "DISTKEY (\"id\")",
        "SORTKEY (\"at\")",
        "COPY ",
        "DELETE FROM",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        said.contains("\"at\" >= '2026-11-26 00:00:00' AND \"at\" < '2026-11-27 00:00:00'"),
        "{said}"
    );
    assert!(!snapshots.is_there().await?);
    assert!(world.loads_of(&key).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_one_date_the_suffixes_have_an_order_and_each_is_read_as_it_says() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let rows = |name: &str| json(&[("2026-11-26 01:00:00", 1, name)]);
    let part = format!("{}parts/part-0", snapshots.folder(DAY));
    world.put(&part, rows("manifest")).await?;
    let manifest = format!(
        "{{\"entries\": [{{\"url\": \"s3://{}/{part}\", \"mandatory\": true}}]}}",
        world.ready().bucket
    );
    snapshots.describe(DAY, &snapshots.description("")).await?;
    let steps: [(&str, Vec<u8>, &[&str], &str); 5] = [
        ("", rows("none").into_bytes(), &[], "none"),
        (".gz", gzip(&rows("gz"))?, &[], "gz"),
        (".json", rows("json").into_bytes(), &[], "json"),
        (".json.gz", gzip(&rows("json.gz"))?, &[], "json.gz"),
        (".manifest", manifest.into_bytes(), &[], "manifest"),
    ];
    for (suffix, bytes, more, name) in steps {
        snapshots.put(DAY, suffix, bytes).await?;
        snapshots.load(more)?;
        assert_eq!(snapshots.rows().await?, [format!("2026-11-26 01:00:00|1|{name}")]);
    }
    let missing = format!(
        "{{\"entries\": [{{\"url\": \"s3://{}/{part}x\"}}]}}",
        world.ready().bucket
    );
    snapshots.put(DAY, ".manifest", missing).await?;
    snapshots.assert_refused(&[], &["parts/part-0x, which it lists, does not exist"]);
    let elsewhere = format!(
        "{{\"entries\": [{{\"url\": \"s3://{}/archive/another.json\"}}]}}",
        world.ready().bucket
    );
    snapshots.put(DAY, ".manifest", elsewhere).await?;
    snapshots.assert_refused(&[], &["archive/another.json", "does not lie in its own folder"]);
    Ok(())
}

#[tokio::test]
async fn text_is_read_by_its_delimiter_and_gzip_is_said_where_a_name_does_not() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.describe(DAY, &snapshots.description("")).await?;
    snapshots
        .put(DAY, "", "2026-11-26 01:00:00|1|\"plum|fig\"\n")
        .await?;
    snapshots.load(&["--delimiter", "|"])?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum|fig"]);
    snapshots
        .put(DAY, "", gzip("2026-11-26 01:00:00;2;kiwi\n")?)
        .await?;
    snapshots.load(&["--delimiter", ";", "--gzip"])?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|2|kiwi"]);
    snapshots
        .put(DAY, ".json", json(&[("2026-11-26 01:00:00", 3, "x")]))
        .await?;
    snapshots.assert_refused(
        &["--delimiter", ";"],
        &["is JSON by its name; leave --delimiter out"],
    );
    Ok(())
}

#[tokio::test]
async fn hours_time_zones_and_streams_say_what_is_replaced() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    // Half past three in Greenwich is the evening before in New York.
    let date = "2026-11-26T03:30:00Z";
    snapshots
        .put(date, ".json", json(&[("2026-11-25", 1, "plum")]))
        .await?;
    let dated = snapshots.description("").replace("type: timestamp", "type: date");
    snapshots.describe(date, &dated).await?;
    snapshots.assert_refused(
        &["--granularity", "hour"],
        &["is a date, which tells no hours", "say --granularity day"],
    );
    snapshots.day(date, &[("2026-11-25 22:10:00", 1, "plum")]).await?;
    let zone = ["--timezone", "America/New_York"];
    let report = snapshots.load(&[&zone[..], &["--granularity", "hour"]].concat())?;
    assert_eq!(report["period"], "2026-11-25 22:00:00 to 2026-11-25 23:00:00");
    let report = snapshots.load(&zone)?;
    assert_eq!(report["period"], "2026-11-25 00:00:00 to 2026-11-26 00:00:00");

    // A row outside of what the file stands for would be left over when that comes again.
    snapshots.assert_refused(
        &["--granularity", "hour", "--force"],
        &["a row's at is not from", "say another granularity or time zone"],
    );

    let bounds = [
        "--granularity",
        "stream",
        "--stream-start",
        "2026-11-25T22:00:00Z",
        "--stream-end",
        "2026-11-25T22:30:00Z",
    ];
    let report = snapshots.load(&bounds)?;
    assert_eq!(report["period"], "2026-11-25 22:00:00 to 2026-11-25 22:30:00");
    assert_eq!(snapshots.rows().await?, ["2026-11-25 22:10:00|1|plum"]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_read() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    for (more, says) in [
        (&["--date", "yesterday"][..], "2026-11-26T00:00:00Z"),
        (&["--timezone", "Mars/Olympus"], "is no time zone"),
        (&["--granularity", "week"], "write hour, day or stream"),
        (
            &["--granularity", "stream"],
            "say --stream-start and --stream-end",
        ),
        (
            &["--granularity", "stream", "--stream-start", DAY],
            "say --stream-start and --stream-end",
        ),
        (
            &[
                "--granularity",
                "stream",
                "--stream-start",
                DAY,
                "--stream-end",
                DAY,
            ],
            "which is not after its start",
        ),
        (&["--stream-start", "noon"], "2026-11-26T00:00:00Z"),
        (&["--stream-start", DAY], "say --granularity stream"),
        (&["--stream-end", DAY], "say --granularity stream"),
        (&["--tables", ""], "--tables"),
        (&["--vacuum-rows", "many"], "--vacuum-rows"),
        (&["--layout", "{tabel}/{date}"], "{tabel} stands for nothing"),
        (&["--tables", "a,a"], "names a twice"),
        (&["--config", "/nowhere/x.yml"], "/nowhere/x.yml cannot be read"),
        (&["--config", "s3://x"], "write s3://bucket/key"),
        (&["--target", "987654"], "there is no such row in ext_target"),
    ] {
        snapshots.assert_refused(more, &[says]);
    }
    Ok(())
}

#[tokio::test]
async fn no_data_and_bad_descriptions_are_told_with_their_places() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let stem = snapshots.stem(DAY);
    let looked: Vec<String> = [".manifest", ".json.gz", ".json", ".gz", ""]
        .iter()
        .map(|suffix| format!("{stem}{suffix}"))
        .collect();
    let looked: Vec<&str> = looked.iter().map(String::as_str).collect();
    snapshots.assert_refused(&["--date", DAY], &looked);
    snapshots.assert_refused(&[], &["there is no data for", "_data_timestamp_year="]);

    snapshots
        .put(DAY, ".json", json(&[("2026-11-26 01:00:00", 1, "plum")]))
        .await?;
    snapshots.assert_refused(&[], &["there is no description at s3://", "or say --config"]);
    let sound = snapshots.description("");
    for (from, to, says) in [
        (
            "dest: pages",
            "dest: sessions",
            ".yml:2: dest is \"sessions\", and \"pages\" was asked for",
        ),
        (
            "type: int",
            "type: number",
            ".yml:5: \"number\" is no type; write boolean",
        ),
        (
            "distkey",
            "distkeey",
            ".yml:5: a column has no distkeey; write dest, type",
        ),
        (
            "    datadatecolumn: at\n",
            "",
            ".yml:8: meta says no datadatecolumn",
        ),
        (
            "datadatecolumn: at",
            "datadatecolumn: when",
            ".yml:8: datadatecolumn is \"when\", which is none of the columns",
        ),
        (
            "datadatecolumn: at",
            "datadatecolumn: id",
            ".yml:8: datadatecolumn \"id\" is of type",
        ),
        ("schema: snap", "schema: span", "was asked for"),
        ("columns:", "columns: [", ".yml:"),
    ] {
        snapshots.describe(DAY, &sound.replacen(from, to, 1)).await?;
        snapshots.assert_refused(&[], &[says]);
    }
    assert!(!snapshots.is_there().await?);
    Ok(())
}

#[tokio::test]
async fn several_tables_are_loaded_side_by_side_and_all_failures_are_told() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let more = ["--tables", "missing,pages,gone"];
    snapshots.assert_refused(&more, &[".missing: there is no data", ".gone: there is no data"]);
    assert_eq!(snapshots.rows().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn two_commands_at_once_make_one_rule_and_load_the_file_once_over() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let (schema, bucket) = (&snapshots.schema, &world.ready().bucket);
    let arguments = [
        "snapshot", "load", "--schema", schema, "--tables", "pages", "--bucket", bucket, "--as", "ann",
    ];
    let mut children = vec![];
    for _ in 0..2 {
        let mut command = world.stack.local.command(&arguments)?;
        children.push(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
    }
    for child in children {
        let output = child.wait_with_output()?;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    let rules =
        format!("SELECT to_jsonb(count(*)) FROM rdscnfg.ext_file_config WHERE tgt_schema_name = '{schema}'");
    assert_eq!(world.control_rows(&rules).await?, [Value::from(1)]);
    // The second finds the first under way and waits for it, or comes after its end.
    let loads = world.loads_of(&key).await?.len();
    assert!((1..=2).contains(&loads), "{loads}");
    Ok(())
}

#[tokio::test]
async fn a_description_and_a_layout_may_be_anywhere() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let (schema, bucket) = (&snapshots.schema, &world.ready().bucket);
    let key = format!("exports/{schema}/pages-{DAY}.json");
    world
        .put(&key, json(&[("2026-11-26 01:00:00", 1, "plum")]))
        .await?;
    let config = format!("exports/{schema}/tables.yml");
    world.put(&config, snapshots.description("")).await?;
    let layout = ["--layout", "exports/{schema}/{table}-{date}"];
    snapshots.load(&[&layout[..], &["--config", &format!("s3://{bucket}/{config}")]].concat())?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(snapshots.description("").as_bytes())?;
    let path = file.path().to_str().context("a path")?;
    snapshots.load(&[&layout[..], &["--config", path]].concat())?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    Ok(())
}

#[tokio::test]
async fn a_target_says_which_warehouse_and_the_rule_keeps_it() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let (ready, target) = (world.ready(), unique().to_string());
    let row = format!(
        "INSERT INTO rdscnfg.ext_target
             (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
         VALUES ({target}, 'of snapshots {target}', '{}', '{}', '{}', 'default', '{}')",
        ready.cluster_identifier, ready.database, ready.secret_redshift, ready.region
    );
    world.control.batch_execute(&row).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;

    snapshots.load(&["--target", &target])?;

    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    let rule = format!(
        "SELECT to_jsonb(ext_target_sid) FROM rdscnfg.ext_file_config WHERE tgt_schema_name = '{}'",
        snapshots.schema
    );
    assert_eq!(
        world.control_rows(&rule).await?,
        [Value::from(target.parse::<u64>()?)]
    );
    let copy = snapshots.run(&["--target", &target, "--plan"])?;
    let said = String::from_utf8_lossy(&copy.stdout).into_owned();
    assert!(said.contains("IAM_ROLE default"), "its own role: {said}");
    Ok(())
}

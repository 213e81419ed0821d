//! Rules with several warehouses, on the shipped functions: the stack's own, and databases of the tests' own, each with a login, a
//! role and a region that nobody else has.

use std::process::Output;
use std::sync::Arc;

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::imports::file;
use crate::support::{Feed, RuleBuilder, Stack, Story, World, unique};

/// The workgroup of the local stack, whose databases its cluster has too.
const WORKGROUP: &str = "longshore-local-workgroup";

/// Another warehouse: a database of its own, and the row that names it.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) database: String,
    secret: String,
    role: String,
    region: String,
}

impl Target {
    /// A serverless one.
    pub(crate) async fn new(world: &World) -> anyhow::Result<Self> {
        Self::called(world, &format!("mart_{}", unique())).await
    }

    async fn called(world: &World, name: &str) -> anyhow::Result<Self> {
        let target = Self {
            name: name.to_owned(),
            database: format!("mart_{}", unique()),
            secret: format!("login-of-{name}"),
            role: format!("arn:aws:iam::123456789012:role/{name}"),
            region: "ap-southeast-2".to_owned(),
        };
        let (server, connection) =
            tokio_postgres::connect(&world.ready().warehouse_database_url, NoTls).await?;
        tokio::spawn(async move { connection.await.ok() });
        server
            .batch_execute(&format!("CREATE DATABASE {}", target.database))
            .await?;
        world
            .copy_secret(&world.ready().secret_redshift, &target.secret)
            .await?;
        let sql = format!(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, workgroup_name, database_name, secret_arn, iam_role, region)
             VALUES ({}, '{name}', '{WORKGROUP}', '{}', '{}', '{}', '{}')",
            unique(),
            target.database,
            target.secret,
            target.role,
            target.region
        );
        world.control.batch_execute(&sql).await?;
        Ok(target)
    }

    /// Makes a feed's table there.
    pub(crate) async fn make_table(&self, world: &World, feed: &Feed<'_>) -> anyhow::Result<()> {
        world
            .query_in(&self.database, "CREATE SCHEMA IF NOT EXISTS rdsftetl")
            .await?;
        let sql = format!(
            "CREATE TABLE {} (id integer, name varchar(40), file_name varchar(300), load_id varchar(36), \
             target_transaction_timestamp timestamp DEFAULT GETDATE())",
            feed.table
        );
        world.query_in(&self.database, &sql).await.map(|_| ())
    }

    async fn lines(&self, world: &World, feed: &Feed<'_>) -> anyhow::Result<Vec<String>> {
        lines(
            world,
            &self.database,
            &format!("SELECT id, name FROM {}", feed.table),
        )
        .await
    }

    async fn markers(&self, world: &World, feed: &Feed<'_>) -> anyhow::Result<Vec<String>> {
        markers(world, &self.database, feed).await
    }
}

async fn lines(world: &World, database: &str, sql: &str) -> anyhow::Result<Vec<String>> {
    let mut lines: Vec<String> = world
        .query_in(database, sql)
        .await?
        .into_iter()
        .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join("|"))
        .collect();
    lines.sort();
    Ok(lines)
}

async fn markers(world: &World, database: &str, feed: &Feed<'_>) -> anyhow::Result<Vec<String>> {
    let table = feed.table.replace('.', "$");
    lines(
        world,
        database,
        &format!("SELECT load_id FROM longshore.\"{table}\""),
    )
    .await
}

impl RuleBuilder<'_> {
    pub(crate) fn also_to(self, targets: &[&Target]) -> Self {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        self.set("further_targets", &names.join(", "))
    }
}

/// A feed into the stack's own warehouse and another one, with its table in both.
async fn feed_to<'a>(world: &'a World, target: &Target) -> anyhow::Result<Feed<'a>> {
    let feed = world.feed().also_to(&[target]).create().await?;
    target.make_table(world, &feed).await?;
    Ok(feed)
}

fn json(output: &Output) -> anyhow::Result<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())
}

fn by_hand(world: &World, command: &[&str]) -> anyhow::Result<Output> {
    let who = ["--as", "ann", "--why", "it was mended", "--yes"];
    let arguments: Vec<&str> = command.iter().chain(&who).copied().collect();
    world.longshore(&arguments)
}

#[track_caller]
fn assert_says(output: &Output, code: i32, words: &[&str]) {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not said: {said}");
    }
}

/// A delivery that brought its rows: complete, audited and told by itself.
#[track_caller]
fn assert_delivered(delivery: &Story, target: &str, rows: u64) {
    delivery.assert_loaded(rows);
    assert_eq!(delivery.audit_row()["target_name"], target, "{delivery}");
    assert_eq!(delivery.message()["target"], target, "{delivery}");
    assert_eq!(delivery.load.text("archived_key"), None, "{delivery}");
}

#[tokio::test]
async fn a_file_goes_to_both_warehouses_of_its_rule_and_is_put_away_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let target = Target::new(&world).await?;
    let feed = feed_to(&world, &target).await?;

    let story = feed.land("1|plum\n2|pear\n").await?;

    assert_eq!(story.state(), "complete", "{story}");
    assert_eq!(story.load.number("deliveries"), Some(2), "{story}");
    assert_eq!(story.parts.len(), 2, "{story}");
    let (own, there) = (story.delivery("own")?, story.delivery(&target.name)?);
    assert_delivered(own, "own", 2);
    assert_delivered(there, &target.name, 2);
    assert_eq!(feed.lines("id, name").await?, ["1|plum", "2|pear"]);
    assert_eq!(target.lines(&world, &feed).await?, ["1|plum", "2|pear"]);
    assert_eq!(
        markers(&world, &world.ready().database, &feed).await?,
        [own.load.id()]
    );
    assert_eq!(target.markers(&world, &feed).await?, [there.load.id()]);
    story
        .assert_archived(&world, &feed.token, b"1|plum\n2|pear\n")
        .await?;
    let message = story.message();
    assert_eq!(message["status"], "loaded", "{story}");
    let notes = message["remarks"].to_string();
    for name in ["own", &target.name] {
        assert!(
            notes.contains(&format!("{name} has it: 2 rows in {}", feed.table)),
            "{notes}"
        );
    }
    assert_eq!(story.audit_row()["target_name"], Value::Null, "{story}");
    Ok(())
}

#[tokio::test]
async fn each_warehouse_is_asked_as_its_own_login_with_its_own_role_and_region() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let target = Target::new(&world).await?;
    let feed = feed_to(&world, &target).await?;
    let story = feed.land("1|plum\n").await?;

    let statement = |name: &str| -> anyhow::Result<String> {
        let delivery = story.delivery(name)?;
        Ok(delivery
            .load
            .text("statement_id")
            .context("a statement")?
            .to_owned())
    };
    let ready = world.ready();
    let there = world
        .warehouse
        .describe_statement()
        .id(statement(&target.name)?)
        .send()
        .await?;
    assert_eq!(there.workgroup_name(), Some(WORKGROUP));
    assert_eq!(there.database(), Some(target.database.as_str()));
    assert!(
        there.secret_arn().unwrap_or_default().contains(&target.secret),
        "{there:?}"
    );
    // The service leaves the role out of what it tells, so what was sent is read off the ledger.
    let sent = story.delivery(&target.name)?.load.value("plan")["statements"].to_string();
    for words in [
        &format!("IAM_ROLE '{}'", target.role),
        &format!("REGION '{}'", target.region),
    ] {
        assert!(sent.contains(words), "{words}: {sent}");
    }
    let own = world
        .warehouse
        .describe_statement()
        .id(statement("own")?)
        .send()
        .await?;
    assert_eq!(own.cluster_identifier(), Some(ready.cluster_identifier.as_str()));
    assert_eq!(own.database(), Some(ready.database.as_str()));
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_rewritten_is_prepared_once_for_all_of_its_warehouses() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let target = Target::new(&world).await?;
    let feed = world.feed().trailer("1:3").also_to(&[&target]).create().await?;
    target.make_table(&world, &feed).await?;

    let story = feed.land("1|plum\n2|pear\n02\n").await?;

    assert_eq!(story.state(), "complete", "{story}");
    let sources: Vec<_> = story
        .parts
        .iter()
        .map(|part| part.load.value("sources").to_string())
        .collect();
    assert_eq!(sources[0], sources[1], "one copy for both");
    assert!(sources[0].contains(story.load.id()), "{sources:?}");
    assert_eq!(feed.lines("id, name").await?, target.lines(&world, &feed).await?);
    // Its archive has the file as it came, and nothing of the copy is left.
    story
        .assert_archived(&world, &feed.token, b"1|plum\n2|pear\n02\n")
        .await
}

#[tokio::test]
async fn a_warehouse_that_refuses_a_file_keeps_no_other_from_it_and_is_tried_again_alone()
-> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let target = Target::new(&world).await?;
    let feed = world.feed().also_to(&[&target]).create().await?;
    let bytes = "1|plum\n";
    let story = feed.land(bytes).await?;

    assert_eq!(story.state(), "failed", "{story}");
    assert_delivered(story.delivery("own")?, "own", 1);
    let there = story.delivery(&target.name)?;
    assert_eq!(there.state(), "rejected", "{there}");
    assert_eq!(story.load.text("error_code"), Some("not_delivered"), "{story}");
    let message = story.message();
    assert_eq!(message["status"], "partly_loaded", "{story}");
    let replay = format!("longshore load replay {}", there.load.id());
    for words in ["1 of 2 warehouses have it", &target.name, &replay] {
        assert!(story.error().contains(words), "{words}: {story}");
    }
    assert!(
        message["remarks"].to_string().contains("own has it: 1 rows"),
        "{story}"
    );
    assert_eq!(story.audit_row()["error_msg"], story.error(), "{story}");
    let archived = story.load.text("archived_key").context("a place")?;
    assert!(archived.contains("/error/"), "{archived}");

    target.make_table(&world, &feed).await?;
    let said = by_hand(&world, &["load", "replay", there.load.id()])?;
    assert_says(&said, 0, &[&format!("into {} alone", target.name)]);
    let stories = world.reconcile_until_settled(story.key(), 2).await?;
    let again = stories.last().context("the replay")?;
    assert_eq!((again.state(), again.parts.len()), ("complete", 0), "{again}");
    assert_eq!(again.audit_row()["target_name"], target.name.as_str(), "{again}");
    assert_eq!(target.lines(&world, &feed).await?, ["1|plum"]);
    assert_eq!(
        feed.lines("id, name").await?,
        ["1|plum"],
        "the other is left alone"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_sent_again_goes_only_where_it_is_not() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let target = Target::new(&world).await?;
    let feed = world.feed().also_to(&[&target]).create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|plum\n").await?;
    let first = world.story(&key).await?;
    assert_eq!(first.state(), "failed", "{first}");

    target.make_table(&world, &feed).await?;
    world.put(&key, "1|plum\n").await?;
    let second = world
        .reconcile_until_settled(&key, 2)
        .await?
        .pop()
        .context("a load")?;
    assert_eq!(second.state(), "complete", "{second}");
    assert_eq!(second.delivery("own")?.state(), "skipped", "{second}");
    assert_delivered(second.delivery(&target.name)?, &target.name, 1);

    world.put(&key, "1|plum\n").await?;
    let third = world
        .reconcile_until_settled(&key, 3)
        .await?
        .pop()
        .context("a load")?;
    assert!(
        third.parts.iter().all(|part| part.state() == "skipped"),
        "{third}"
    );
    assert_eq!(third.state(), "complete", "{third}");
    assert_eq!(feed.lines("id, name").await?, ["1|plum"]);
    assert_eq!(target.lines(&world, &feed).await?, ["1|plum"]);
    assert_eq!(world.get(&key).await?, None, "it is put away each time");
    Ok(())
}

#[tokio::test]
async fn a_warehouse_that_is_down_is_waited_for_while_the_other_is_loaded() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let target = Target::new(&world).await?;
    let feed = feed_to(&world, &target).await?;
    let before = feed.land("0|fig\n").await?;
    assert_eq!(before.state(), "complete", "{before}");
    let name = format!(
        "workgroup {WORKGROUP}/{} as secret {}",
        target.database, target.secret
    );
    let pause = format!(
        "INSERT INTO rdscnfg.ext_warehouse (warehouse, failures, paused_at, paused_by, probe_at, last_error, last_failed_at)
         VALUES ('{name}', 5, now(), gen_random_uuid(), now() + interval '1 hour', 'it is being resized',
                 now())"
    );
    world.control.batch_execute(&pause).await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|plum\n").await?;

    let waits = format!(
        "SELECT to_jsonb(state) FROM rdscnfg.ext_file_load WHERE object_key = '{key}' AND target_name IS NOT NULL
         ORDER BY target_name = 'own'"
    );
    let others = format!(
        "SELECT to_jsonb(count(*)) FROM rdscnfg.ext_file_load WHERE object_key = '{key}' AND state = 'complete'"
    );
    until(&world, &others, &json!(1)).await?;
    assert_eq!(feed.lines("id, name").await?, ["0|fig", "1|plum"]);
    assert_ne!(world.control_rows(&waits).await?[0], json!("complete"));
    assert!(world.get(&key).await?.is_some(), "it is still to be read");
    let said = world.longshore(&["file", "status", &format!("s3://{}/{key}", world.ready().bucket)])?;
    assert_says(&said, 0, &["delivering", &target.name, "complete"]);

    let story = complete_in_time(&world, &key).await?;
    assert_eq!(target.lines(&world, &feed).await?, ["0|fig", "1|plum"]);
    story.assert_archived(&world, &feed.token, b"1|plum\n").await
}

/// The stack's own warehouse once more, under a login that it refuses.
#[tokio::test]
async fn a_login_that_may_not_come_in_keeps_no_other_one_waiting() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let ready = world.ready();
    world.copy_secret(&ready.secret_redshift, "other").await?;
    let name = format!(
        "cluster {}/{} as secret other",
        ready.cluster_identifier, ready.database
    );
    let refused = format!(
        "INSERT INTO rdscnfg.ext_target
             (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
         VALUES (1, 'other', '{}', '{}', 'other', 'default', '{}');
         INSERT INTO rdscnfg.ext_warehouse (warehouse, failures, paused_at, paused_by, probe_at, last_error, last_failed_at)
         VALUES ('{name}', 1, now(), gen_random_uuid(), now() + interval '1 hour', 'it may not', now())",
        ready.cluster_identifier, ready.database, ready.region
    );
    world.control.batch_execute(&refused).await?;
    let other = world.feed().create().await?;
    let feed = world
        .feed()
        .set("further_targets", &format!("other={}", other.table))
        .create()
        .await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|plum\n").await?;
    let waits = format!(
        "SELECT to_jsonb(waits_for) FROM rdscnfg.ext_file_load WHERE object_key = '{key}' AND waits_for IS NOT NULL"
    );
    until(&world, &waits, &json!(name)).await?;
    other.land("3|pear\n").await?.assert_loaded(1);
    assert_eq!(world.control_rows(&waits).await?, [json!(name)]);

    complete_in_time(&world, &key).await?;
    assert_eq!(other.lines("id, name").await?, ["1|plum", "3|pear"]);
    Ok(())
}

/// Lets the time pass that a load waits for; it is complete then.
async fn complete_in_time(world: &World, key: &str) -> anyhow::Result<Story> {
    world.let_time_pass().await?;
    let story = world
        .reconcile_until_settled(key, 1)
        .await?
        .pop()
        .context("a load")?;
    assert_eq!(story.state(), "complete", "{story}");
    Ok(story)
}

async fn until(world: &World, sql: &str, expected: &Value) -> anyhow::Result<()> {
    for _ in 0..600 {
        if world.control_rows(sql).await?.first() == Some(expected) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!(
        "{sql} did not come to {expected}: {:?}",
        world.control_rows(sql).await?
    )
}

#[tokio::test]
async fn a_rule_that_names_no_target_or_one_that_is_switched_off_is_refused_by_name() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let target = Target::new(&world).await?;
    let slip = format!("{}x", target.name);
    let feed = world.feed().set("further_targets", &slip).create().await?;
    let story = feed.land("1|plum\n").await?;
    story.assert_refused("rule_invalid", &["is no target; did you mean", &target.name]);
    story.assert_stays(&world).await?;

    let off = format!(
        "UPDATE rdscnfg.ext_target SET oprtnl_flag = 'I' WHERE target_name = '{}'",
        target.name
    );
    world.control.batch_execute(&off).await?;
    let feed = world.feed().also_to(&[&target]).create().await?;
    let story = feed.land("1|plum\n").await?;
    story.assert_refused("rule_invalid", &["is switched off (oprtnl_flag of ext_target)"]);
    story.assert_stays(&world).await
}

#[tokio::test]
async fn two_names_of_the_deployments_own_table_are_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let ready = world.ready();
    let name = format!("twin_{}", unique());
    let sql = format!(
        "INSERT INTO rdscnfg.ext_target
             (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
         VALUES ({}, '{name}', '{}', '{}', '{}', 'default', '{}')",
        unique(),
        ready.cluster_identifier,
        ready.database,
        ready.secret_redshift,
        ready.region
    );
    world.control.batch_execute(&sql).await?;
    let feed = world.feed().set("further_targets", &name).create().await?;
    let story = feed.land("1|plum\n").await?;
    story.assert_refused("rule_invalid", &["are the same table of the same warehouse"]);
    assert_eq!(feed.lines("id").await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn batches_gather_for_each_warehouse_by_themselves() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let target = Target::new(&world).await?;
    let feed = world
        .feed()
        .set("file_name_column", "")
        .set("batch_files", "2")
        .also_to(&[&target])
        .create()
        .await?;
    target.make_table(&world, &feed).await?;
    let keys = [
        world.input_key(&feed.file_name()),
        world.input_key(&feed.file_name()),
    ];
    for (index, key) in keys.iter().enumerate() {
        world.put(key, format!("{index}|plum\n")).await?;
    }
    for (index, key) in keys.iter().enumerate() {
        let story = world.story(key).await?;
        assert_eq!(story.state(), "complete", "{story}");
        for part in &story.parts {
            assert_eq!(part.state(), "complete", "{part}");
            assert!(!part.load.value("batch_id").is_null(), "{part}");
        }
        story
            .assert_archived(&world, &feed.token, format!("{index}|plum\n").as_bytes())
            .await?;
    }
    assert_eq!(feed.lines("id, name").await?, ["0|plum", "1|plum"]);
    assert_eq!(target.lines(&world, &feed).await?, ["0|plum", "1|plum"]);
    Ok(())
}

#[tokio::test]
async fn rules_with_targets_are_written_looked_at_and_written_back() -> anyhow::Result<()> {
    let options = LocalStackOptions::default();
    let world = World::on(Arc::new(Stack::start(options)?)).await?;
    let target = Target::called(&world, "analytics").await?;
    let feed = world.feed().create().await?;
    let rule = feed.rule.to_string();

    let edited = by_hand(&world, &["rule", "edit", &rule, "further_targets=analitics"])?;
    assert_says(
        &edited,
        1,
        &["\"analitics\" is no target; did you mean analytics?"],
    );
    let edited = by_hand(
        &world,
        &["rule", "edit", &rule, "further_targets=analytics=mart.price"],
    )?;
    assert_says(&edited, 0, &["further_targets"]);
    let shown = world.longshore(&["rule", "show", &rule])?;
    assert_says(&shown, 0, &["analytics=mart.price"]);
    let exported = world.longshore(&["rule", "export"])?;
    let text = String::from_utf8_lossy(&exported.stdout).into_owned();
    assert!(
        text.contains("further_targets: \"analytics=mart.price\""),
        "{text}"
    );
    let lint = world.longshore(&["rule", "lint"])?;
    assert_says(&lint, 0, &[]);

    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_str().context("a path")?;
    std::fs::write(file.path(), text.replace("analytics=mart.price", "own"))?;
    let applied = by_hand(&world, &["rule", "apply", path])?;
    assert_says(&applied, 1, &["which the rule's files go to anyhow"]);
    std::fs::write(file.path(), text.replace("analytics=mart.price", "analytics"))?;
    let applied = by_hand(&world, &["rule", "apply", path])?;
    assert_says(&applied, 0, &["further_targets"]);
    target.make_table(&world, &feed).await?;
    let story = feed.land("1|plum\n").await?;
    assert_eq!(story.state(), "complete", "{story}");
    assert_eq!(story.load.number("rule_version"), Some(3), "{story}");
    let shown = json(&world.longshore(&["--json", "load", "show", story.load.id()])?)?;
    let deliveries = shown["parts"].as_array().context("deliveries")?;
    ensure!(deliveries.len() == 2, "{shown}");
    let listed = world.longshore(&["load", "list", "--limit", "10"])?;
    assert_says(&listed, 0, &["→ analytics", "→ own"]);
    Ok(())
}

#[tokio::test]
async fn a_configuration_of_awslabs_with_two_clusters_loads_both() -> anyhow::Result<()> {
    let world = World::shared().await?;
    world.set_column_numbers_apart().await?;
    let target = Target::new(&world).await?;
    let feed = world.feed().create().await?;
    target.make_table(&world, &feed).await?;
    let ready = world.ready();
    let (number, folder) = (unique(), format!("two_clusters{}", unique()));
    let cluster = |database: &str| {
        json!({
            "clusterEndpoint": format!("{}.abc.eu-west-1.redshift.amazonaws.com", ready.cluster_identifier),
            "clusterPort": 5439,
            "clusterDB": database,
            "targetTable": feed.table,
            "columnList": "id, name",
            "connectUser": "loader",
            "connectPassword": "open sesame",
        })
    };
    let config = json!({
        "region": ready.region,
        "s3Prefix": format!("{}/{}{folder}", ready.bucket, ready.input_prefix),
        "dataFormat": "CSV",
        "csvDelimiter": "|",
        "manifestBucket": "manifests",
        "manifestKey": "m",
        "batchSize": 1,
        "loadClusters": [cluster(&ready.database), cluster(&target.database)],
    });
    let (_config, path) = file("config.json", &config.to_string())?;
    let number = number.to_string();
    // Two of them, with a gap to those of other tests.
    let targets = (700_000 + 10 * unique()).to_string();
    let yaml = world.import(&[
        "import",
        "awslabs",
        &path,
        "--rule",
        &number,
        "--interface",
        &number,
        "--target",
        &targets,
    ])?;
    assert!(!yaml.contains("sesame"), "{yaml}");
    // What the remarks ask for: the login and the role. Another test's import of this cluster has its name already.
    let yaml = yaml
        .replace(
            "database_user: loader",
            &format!("secret_arn: {}", ready.secret_redshift),
        )
        .replace("iam_role: default", &format!("iam_role: \"{}\"", ready.iam_role))
        .replace(&format!("{}/", ready.cluster_identifier), &format!("{folder}/"));
    let (_rules, document) = file("rules.yaml", &yaml)?;
    world.import(&[
        "rule", "apply", &document, "--as", "ann", "--why", "moved", "--yes",
    ])?;

    let story = world.land(&format!("{folder}/orders.csv"), "1|one\n").await?;

    assert_eq!(story.state(), "complete", "{story}");
    assert_eq!(story.parts.len(), 2, "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|one"]);
    assert_eq!(target.lines(&world, &feed).await?, ["1|one"]);
    Ok(())
}

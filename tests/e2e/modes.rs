//! What becomes of the rows that a table has, under each mode, and the operator's SQL in the load's transaction.

use std::collections::BTreeMap;

use crate::proof;
use crate::support::{Feed, RuleBuilder, Story, World, unique};

/// The columns of most feeds here: the key, what is said about it, and since when.
const COLUMNS: [&str; 4] = [
    "id integer",
    "region varchar(10)",
    "price integer",
    "changed_at timestamp",
];
const ALL: &str = "id, region, price, changed_at";

impl<'a> RuleBuilder<'a> {
    fn merging(self) -> Self {
        self.columns(COLUMNS)
            .set("load_mode", "merge")
            .set("merge_keys", "id, region")
            .set("merge_order", "changed_at")
            .set("null_as", "~")
    }

    fn truncating(self) -> Self {
        self.set("load_mode", "truncate")
    }
}

/// Failed with this code, and all of these words said; nothing of it is left behind.
#[track_caller]
fn assert_failed(story: &Story, code: &str, says: &[&str]) {
    assert_eq!(story.state(), "failed", "{story}");
    assert_eq!(story.load.text("error_code"), Some(code), "{story}");
    for words in says {
        assert!(story.error().contains(words), "{words:?} is not said: {story}");
    }
    assert_eq!(story.message()["status"], "failed", "{story}");
}

/// A feed whose files have a business date in their names.
struct Dated<'a> {
    world: &'a World,
    feed: Feed<'a>,
    name: String,
}

impl<'a> Dated<'a> {
    async fn create(
        world: &'a World,
        change: impl FnOnce(RuleBuilder<'a>) -> RuleBuilder<'a>,
    ) -> anyhow::Result<Self> {
        let name = format!("sales{}", unique());
        let prefix = &world.ready().input_prefix;
        let rule = world
            .feed()
            .set(
                "key_regex",
                &format!(r"{prefix}{name}(?:_(?<business_date>\d{{8}}))?_v\d+\.txt"),
            )
            .set("load_mode", "replace_period")
            .set("period_column", "business_date")
            .set("period_value", "{business_date}");
        let feed = change(rule).create().await?;
        Ok(Self { world, feed, name })
    }

    /// Feeds whose file does not say its date, into a table that does.
    async fn by_name_alone(world: &'a World) -> anyhow::Result<Self> {
        let dated = Self::create(world, |rule| rule).await?;
        let table = &dated.feed.table;
        world
            .query(&format!("ALTER TABLE {table} ADD COLUMN business_date date"))
            .await?;
        Ok(dated)
    }

    async fn land(&self, date: &str, version: u32, bytes: &str) -> anyhow::Result<Story> {
        self.world
            .land(&format!("{}_{date}_v{version}.txt", self.name), bytes)
            .await
    }
}

#[tokio::test]
async fn append_is_what_a_rule_without_a_mode_does() -> anyhow::Result<()> {
    let world = World::shared().await?;
    for feed in [world.feed(), world.feed().set("load_mode", "append")] {
        let feed = feed.create().await?;
        feed.land("1|a\n2|b\n").await?.assert_loaded(2);
        feed.land("1|c\n").await?.assert_loaded(1);
        assert_eq!(feed.lines("id, name").await?, ["1|a", "1|c", "2|b"]);
    }
    Ok(())
}

#[tokio::test]
async fn truncate_leaves_the_newest_files_rows_alone() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().truncating().create().await?;

    feed.land("1|a\n2|b\n3|c\n").await?.assert_loaded(3);
    feed.land("2|x\n4|y\n").await?.assert_loaded(2);

    assert_eq!(feed.lines("id, name").await?, ["2|x", "4|y"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_loaded_truncates_nothing() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().truncating().create().await?;
    feed.land("1|a\n").await?.assert_loaded(1);

    let story = feed.land("2|b\nnot a number|c\n").await?;
    assert_failed(&story, "copy_failed", &["line 2"]);

    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn a_file_of_which_no_row_can_be_read_truncates_nothing() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .truncating()
        .set("copy_options", "IGNOREALLERRORS")
        .create()
        .await?;
    feed.land("1|a\nnot a number|b\n").await?.assert_loaded(1);

    let story = feed.land("not a number|c\n").await?;

    assert_failed(&story, "row_count_differs", &["no row", "load_mode truncate"]);
    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

/// What came last counts, also where it is what was there before the last.
#[tokio::test]
async fn a_file_sent_again_takes_its_place_again_where_the_mode_replaces() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().truncating().create().await?;
    let file_name = feed.file_name();
    let key = world.input_key(&file_name);
    for (count, bytes) in ["1|old\n", "1|new\n", "1|old\n"].into_iter().enumerate() {
        world.put(&key, bytes).await?;
        let stories = world.stories(&key, count + 1).await?;
        stories[count].assert_loaded(1);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|old"]);
    Ok(())
}

#[tokio::test]
async fn the_newest_row_of_a_key_wins_within_the_file_and_against_the_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().create().await?;

    let story = feed
        .land(
            "1|eu|10|2026-11-02 08:00:00\n\
             1|eu|30|2026-11-03 08:00:00\n\
             1|eu|20|2026-11-01 08:00:00\n\
             1|us|40|2026-11-01 08:00:00\n",
        )
        .await?;
    story.assert_loaded(2);
    assert_eq!(story.message()["rows_expected"], 4, "{story}");
    assert_eq!(story.message()["rows_rejected"], 0, "{story}");
    assert!(
        story.message()["remarks"]
            .to_string()
            .contains("2 rows of the file changed nothing"),
        "{story}"
    );
    assert_eq!(
        feed.lines(ALL).await?,
        ["1|eu|30|2026-11-03 08:00:00", "1|us|40|2026-11-01 08:00:00"]
    );

    let newer = feed.land("1|eu|99|2026-11-04 08:00:00\n2|eu|5|~\n").await?;
    newer.assert_loaded(2);
    assert_eq!(newer.message()["remarks"], serde_json::json!([]), "{newer}");
    let merged = [
        "1|eu|99|2026-11-04 08:00:00",
        "1|us|40|2026-11-01 08:00:00",
        "2|eu|5|~",
    ];
    assert_eq!(feed.lines(ALL).await?, merged);

    let older = "1|eu|1|2026-11-03 23:59:59\n1|us|2|~\n2|eu|3|~\n";
    feed.land(older).await?.assert_loaded(0);
    assert_eq!(feed.lines(ALL).await?, merged);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_merged_twice_changes_nothing_the_second_time() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().create().await?;
    // One key with two rows as new as each other: the larger one counts, whichever line it is on.
    let bytes = "1|eu|10|2026-11-02 08:00:00\n1|eu|11|2026-11-02 08:00:00\n2|eu|7|~\n2|eu|7|~\n";
    let file_name = feed.file_name();
    let key = world.input_key(&file_name);
    world.land(&file_name, bytes).await?.assert_loaded(2);
    let once = feed.lines("id, region, price, changed_at, file_name").await?;

    world.put(&key, bytes).await?;
    world.stories(&key, 2).await?[1].assert_loaded(0);

    assert_eq!(once.len(), 2, "{once:?}");
    assert!(once[0].starts_with("1|eu|11|"), "{once:?}");
    assert_eq!(
        feed.lines("id, region, price, changed_at, file_name").await?,
        once
    );
    Ok(())
}

#[tokio::test]
async fn files_that_are_merged_at_once_leave_the_newest_row_whichever_comes_last() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().create().await?;
    let files = (1..=8).map(|day| format!("1|eu|{day}|2026-11-0{day} 00:00:00\n2|f{day}|{day}|~\n"));

    for story in feed.land_side_by_side(files.collect()).await? {
        assert_eq!(story.state(), "complete", "{story}");
    }

    let held = feed.lines(ALL).await?;
    assert_eq!(held[0], "1|eu|8|2026-11-08 00:00:00");
    assert_eq!(held.len(), 9, "{held:?}");
    Ok(())
}

#[tokio::test]
async fn of_a_key_that_the_table_has_twice_every_row_must_be_older() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().create().await?;
    world
        .query(&format!(
            "INSERT INTO {} ({ALL}) VALUES (1, 'eu', 1, '2026-11-01'), (1, 'eu', 3, '2026-11-03')",
            feed.table
        ))
        .await?;

    feed.land("1|eu|2|2026-11-02 00:00:00\n").await?.assert_loaded(0);
    assert_eq!(feed.lines("price").await?, ["1", "3"]);
    feed.land("1|eu|4|2026-11-04 00:00:00\n").await?.assert_loaded(1);
    assert_eq!(feed.lines("price").await?, ["4"]);
    Ok(())
}

#[tokio::test]
async fn without_an_order_the_incoming_row_wins() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().clear("merge_order").create().await?;

    feed.land("1|eu|10|~\n1|us|20|~\n").await?.assert_loaded(2);
    feed.land("1|eu|5|~\n2|eu|6|~\n").await?.assert_loaded(2);

    assert_eq!(feed.lines(ALL).await?, ["1|eu|5|~", "1|us|20|~", "2|eu|6|~"]);
    Ok(())
}

#[tokio::test]
async fn without_an_order_a_key_that_comes_twice_fails_the_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().clear("merge_order").create().await?;
    feed.land("1|eu|10|~\n").await?.assert_loaded(1);

    let story = feed.land("1|eu|5|~\n1|eu|6|~\n").await?;

    assert_failed(
        &story,
        "merge_key_repeated",
        &["merge_keys (id, region)", "merge_order"],
    );
    assert_eq!(feed.lines(ALL).await?, ["1|eu|10|~"]);
    Ok(())
}

#[tokio::test]
async fn a_row_without_its_key_fails_the_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().merging().create().await?;

    let story = feed.land("1|eu|5|~\n2|~|6|~\n").await?;

    assert_failed(
        &story,
        "merge_key_missing",
        &["merge_keys (id, region)", "null_as"],
    );
    assert!(feed.lines(ALL).await?.is_empty());
    Ok(())
}

/// The rows of a random file: key, the two columns of the order, and a price.
type Line = (u8, Option<u8>, Option<u8>, Option<u8>);

fn told(value: Option<u8>) -> String {
    value.map_or_else(|| "~".to_owned(), |value| value.to_string())
}

fn line((id, day, version, price): Line) -> String {
    format!("{id}|{}|{}|{}", told(day), told(version), told(price))
}

#[tokio::test]
async fn random_files_merge_as_a_map_of_the_newest_rows_would() -> anyhow::Result<()> {
    let seed = proof::seed()?;
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["id integer", "day integer", "version integer", "price integer"])
        .set("load_mode", "merge")
        .set("merge_keys", "id")
        .set("merge_order", "day, version")
        .set("null_as", "~")
        .create()
        .await?;
    let mut model: BTreeMap<u8, Line> = BTreeMap::new();
    for _ in 0..12 {
        let mut any = |most: u8| chance.bool().then(|| chance.u8(1..=most));
        let file: Vec<Line> = (0..12)
            .map(|_| (any(6).unwrap_or_default(), any(2), any(2), any(3)))
            .collect();
        // None sorts before any value, as NULL is older than any.
        let mut newest: BTreeMap<u8, Line> = BTreeMap::new();
        for line in &file {
            let best = newest.entry(line.0).or_insert(*line);
            *best = (*best).max(*line);
        }
        newest.retain(|id, line| {
            let held = model.get(id);
            held.is_none_or(|held| (line.1, line.2) > (held.1, held.2))
        });
        let lines: Vec<String> = file.iter().copied().map(line).collect();

        let story = feed.land(lines.join("\n")).await?;

        assert_eq!(
            story.load.number("rows_loaded"),
            Some(newest.len() as u64),
            "seed {seed}: {story}"
        );
        model.extend(newest);
        let expected: Vec<String> = model.values().copied().map(line).collect();
        assert_eq!(
            feed.lines("id, day, version, price").await?,
            expected,
            "seed {seed}, after {lines:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_period_delivered_again_is_replaced_and_no_other_is_touched() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let dated = Dated::by_name_alone(&world).await?;

    dated.land("20261120", 1, "1|a\n2|b\n").await?.assert_loaded(2);
    dated
        .land("20261121", 1, "1|c\n2|d\n3|e\n")
        .await?
        .assert_loaded(3);
    dated.land("20261121", 2, "1|x\n").await?.assert_loaded(1);

    assert_eq!(
        dated.feed.lines("business_date, id, name").await?,
        ["2026-11-20|1|a", "2026-11-20|2|b", "2026-11-21|1|x"]
    );
    Ok(())
}

#[tokio::test]
async fn rows_of_another_period_than_the_files_fail_it() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let dated = Dated::create(&world, |rule| rule.columns(["id integer", "business_date date"])).await?;
    dated
        .land("20261121", 1, "1|2026-11-21\n")
        .await?
        .assert_loaded(1);

    let story = dated.land("20261121", 2, "2|2026-11-21\n3|2026-11-22\n").await?;
    assert_failed(
        &story,
        "period_differs",
        &["business_date is not \"20261121\"", "its name"],
    );
    let story = dated.land("20261399", 1, "4|2026-11-21\n").await?;
    assert_failed(&story, "period_differs", &["business_date is not \"20261399\""]);

    assert_eq!(dated.feed.lines("id, business_date").await?, ["1|2026-11-21"]);
    Ok(())
}

#[tokio::test]
async fn a_file_whose_key_leaves_its_period_blank_is_refused_and_stays() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let dated = Dated::by_name_alone(&world).await?;
    let story = world.land(&format!("{}_v1.txt", dated.name), "1|a\n").await?;
    story.assert_refused("placeholder_unresolved", &["period_value", "{business_date}"]);
    story.assert_stays(&world).await
}

#[tokio::test]
async fn the_operators_sql_runs_in_the_loads_transaction() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let log = format!("rdsftetl.log{}", unique());
    world
        .query(&format!(
            "CREATE TABLE {log} (said varchar(40), rows_then bigint)"
        ))
        .await?;
    let dated = Dated::create(&world, |rule| {
        rule.clear("load_mode")
            .clear("period_column")
            .clear("period_value")
    })
    .await?;
    let table = &dated.feed.table;
    set_sql(
        &world,
        &dated.feed,
        &format!(
            "DELETE FROM {table} WHERE id = 1; INSERT INTO {log} SELECT 'before ' || {{business_date}}, COUNT(*) FROM {table};"
        ),
        &format!("INSERT INTO {log} SELECT 'after ' || {{business_date}}, COUNT(*) FROM {table}"),
    )
    .await?;
    let said = async || {
        let mut rows = world.query(&format!("SELECT said, rows_then FROM {log}")).await?;
        rows.sort();
        anyhow::Ok(
            rows.into_iter()
                .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join("|")),
        )
    };

    dated.land("20261121", 1, "1|a\n2|b\n").await?.assert_loaded(2);
    let first: Vec<String> = said().await?.collect();
    assert_eq!(first, ["after 20261121|2", "before 20261121|0"]);

    dated.land("20261121", 2, "3|c\n").await?.assert_loaded(1);
    let second: Vec<String> = said().await?.collect();
    assert_eq!(second[1..3], ["after 20261121|2", "before 20261121|0"]);
    assert!(second.contains(&"before 20261121|1".to_owned()), "{second:?}");
    Ok(())
}

async fn set_sql(world: &World, feed: &Feed<'_>, pre_sql: &str, post_sql: &str) -> anyhow::Result<()> {
    world
        .control
        .execute(
            "UPDATE rdscnfg.ext_file_config SET pre_sql = $1, post_sql = $2 WHERE file_prefix = $3 || '.'",
            &[&pre_sql, &post_sql, &feed.token],
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn sql_that_fails_leaves_everything_as_it_was() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().truncating().create().await?;
    feed.land("1|a\n").await?.assert_loaded(1);
    let table = &feed.table;

    set_sql(
        &world,
        &feed,
        "SELECT 1",
        &format!("DELETE FROM {table}; SELECT 1 / 0"),
    )
    .await?;
    assert_failed(
        &feed.land("2|b\n").await?,
        "post_sql_failed",
        &["division by zero"],
    );
    set_sql(
        &world,
        &feed,
        &format!("DELETE FROM {table}; SELECT 1 / 0"),
        "SELECT 1",
    )
    .await?;
    assert_failed(
        &feed.land("3|c\n").await?,
        "pre_sql_failed",
        &["division by zero"],
    );

    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn the_parts_of_a_file_are_loaded_each_in_its_mode() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let columns = ["kind char(2)", "id integer", "price integer"];
    let header = feed.part("HD").columns(columns).truncating().create().await?;
    let detail = feed
        .part("DT")
        .columns(columns)
        .set("load_mode", "merge")
        .set("merge_keys", "id")
        .set("merge_order", "price")
        .create()
        .await?;

    feed.land("HD|1|0\nDT|1|10\nDT|2|20\n").await?;
    feed.land("HD|2|0\nDT|1|15\nDT|2|5\n").await?;

    assert_eq!(header.lines("id").await?, ["2"]);
    assert_eq!(detail.lines("id, price").await?, ["1|15", "2|20"]);
    Ok(())
}

#[tokio::test]
async fn a_complete_load_is_replayed_where_its_mode_says_which_rows_go() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().merging().create().await?;
    let story = feed.land("1|eu|10|2026-11-02 08:00:00\n").await?;
    world.query(&format!("DELETE FROM {}", feed.table)).await?;

    let who = ["--yes", "--as", "ann", "--why", "the rows were deleted"];
    let replay = world.longshore(&[&["load", "replay", story.load.id()], &who[..]].concat())?;
    assert!(
        replay.status.success(),
        "{}",
        String::from_utf8_lossy(&replay.stderr)
    );

    world.reconcile_until_settled(story.key(), 2).await?[1].assert_loaded(1);
    assert_eq!(feed.lines("id, region, price").await?, ["1|eu|10"]);
    Ok(())
}

/// Lands a file under a rule that makes no sense: all of `says` is said at once, and the file stays.
async fn finds_fault(world: &World, rule: RuleBuilder<'_>, says: &[&str]) -> anyhow::Result<()> {
    let feed = rule.create().await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused("rule_invalid", says);
    story.assert_stays(world).await
}

#[tokio::test]
async fn a_mode_that_makes_no_sense_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let unknown = world.feed().set("load_mode", "upsert").set("merge_keys", "id");
    finds_fault(&world, unknown, &["load_mode: \"upsert\""]).await?;
    let keyless = world.feed().merging().clear("merge_keys");
    finds_fault(&world, keyless, &["merge_keys: is not set"]).await?;
    let elsewhere = world
        .feed()
        .merging()
        .set("merge_keys", "code")
        .set("merge_order", "seen_at")
        .set("resend_policy", "reload")
        .set("load_id_column", "load_id");
    finds_fault(
        &world,
        elsewhere,
        &[
            "3 faults",
            "merge_keys: \"code\"",
            "merge_order: \"seen_at\"",
            "resend_policy: is reload",
        ],
    )
    .await?;
    let timeless = world
        .feed()
        .set("load_mode", "replace_period")
        .set("period_column", "day");
    finds_fault(&world, timeless, &["period_value: is not set"]).await?;
    let by_token = world
        .feed()
        .set("load_mode", "replace_period")
        .set("period_column", "day")
        .set("period_value", "{day}");
    finds_fault(&world, by_token, &["period_value: the key does not give {day}"]).await?;
    let cut = world.feed().split("HD,DT").set("load_mode", "truncate");
    finds_fault(&world, cut, &["load_mode: is set, and split_file_flag is Y"]).await
}

#[tokio::test]
async fn sql_that_would_leave_the_transaction_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world
        .feed()
        .set("pre_sql", "TRUNCATE rdsftetl.a; COMMIT")
        .set("post_sql", "DELETE FROM rdsftetl.a WHERE day = {day}");
    finds_fault(
        &world,
        rule,
        &[
            "3 faults",
            "pre_sql: statement 1: TRUNCATE commits",
            "pre_sql: statement 2: the load is one transaction",
            "post_sql: the key does not give {day}",
        ],
    )
    .await
}

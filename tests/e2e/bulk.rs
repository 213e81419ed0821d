//! Bulk loads: what lies below a prefix, into a table, once, and what failed or is new when asked again.

use anyhow::Context;
use serde_json::Value;

use crate::support::{World, unique};

/// A folder of a data lake: nobody watches it.
pub(crate) struct Lake<'a> {
    world: &'a World,
    pub(crate) folder: String,
    pub(crate) table: String,
    /// The files' columns, as they are said.
    columns: &'static str,
}

impl<'a> Lake<'a> {
    pub(crate) async fn with_table(world: &'a World, columns: &str) -> anyhow::Result<Self> {
        let number = unique();
        let table = format!("rdsftetl.bulk{number}");
        world.query(&format!("CREATE TABLE {table} ({columns})")).await?;
        Ok(Self {
            world,
            folder: format!("lake/{number}/"),
            table,
            columns: "id,name",
        })
    }

    pub(crate) async fn put(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let key = format!("{}{name}", self.folder);
        self.world.put(&key, text).await?;
        Ok(key)
    }

    /// The command, and what it says.
    fn load(&self, more: &[&str]) -> anyhow::Result<Value> {
        let path = format!("s3://{}/{}", self.world.ready().bucket, self.folder);
        let fixed = [
            "bulk",
            "load",
            "--path",
            &path,
            "--table",
            &self.table,
            "--columns",
            self.columns,
        ];
        let hand = ["--why", "a test", "--as", "ann", "--json"];
        let output = self.world.longshore(&[&fixed[..], more, &hand].concat())?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Loads, and waits until everything about these files is done.
    async fn load_all(&self, keys: &[String], loads: usize, more: &[&str]) -> anyhow::Result<Value> {
        let said = self.load(&[more, &["--yes"]].concat())?;
        self.settle(&said, keys, loads).await?;
        Ok(said)
    }

    /// Waits until everything about these files is done under the rule that was told.
    pub(crate) async fn settle(&self, said: &Value, keys: &[String], loads: usize) -> anyhow::Result<()> {
        let rule = said["rule"].as_i64().context("a rule")?.to_string();
        // What waits for a minute more is due now.
        for key in keys {
            for _ in 0..20 {
                self.world.longshore(&["reconcile", "--idle", "0"])?;
                self.world.longshore(&[
                    "batch", "flush", "--rule", &rule, "--why", "a test", "--as", "ann", "--yes",
                ])?;
                let on_record = self.world.loads_of(key).await?;
                if on_record.len() >= loads && on_record.iter().all(|load| load.is_settled()) {
                    break;
                }
            }
            self.world.stories(key, loads).await?;
        }
        Ok(())
    }

    pub(crate) async fn rows(&self) -> anyhow::Result<Vec<String>> {
        let rows = self
            .world
            .query(&format!("SELECT id, name FROM {}", self.table))
            .await?;
        let mut lines: Vec<_> = rows
            .into_iter()
            .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join("|"))
            .collect();
        lines.sort();
        Ok(lines)
    }
}

#[tokio::test]
async fn what_lies_below_a_prefix_is_loaded_once_and_stays() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let mut keys = vec![
        lake.put("day=1/a.csv", "1,plum\n2,fig\n").await?,
        lake.put("day=2/b.csv", "3,pear\n").await?,
    ];
    lake.put("day=2/_SUCCESS", "").await?;

    let said = lake.load(&[])?;
    assert_eq!(
        (&said["files"], &said["batches"]),
        (&2.into(), &1.into()),
        "{said}"
    );
    assert!(
        said["rule"].is_null(),
        "nothing is done unless it is meant: {said}"
    );

    let said = lake.load_all(&keys, 1, &[]).await?;
    assert_eq!(said["recorded"], 2, "{said}");
    assert_eq!(lake.rows().await?, ["1|plum", "2|fig", "3|pear"]);
    let batched = format!(
        "SELECT to_jsonb(count(*)) FROM rdscnfg.ext_file_load WHERE batch_files = 2 AND ext_file_config_sid = {}",
        said["rule"]
    );
    assert_eq!(world.control_rows(&batched).await?, [Value::from(1)]);

    keys.push(lake.put("day=3/c.csv", "4,kiwi\n").await?);
    let said = lake.load_all(&keys, 1, &[]).await?;
    assert_eq!(
        (&said["recorded"], &said["again"]),
        (&1.into(), &0.into()),
        "{said}"
    );
    assert_eq!(lake.rows().await?, ["1|plum", "2|fig", "3|pear", "4|kiwi"]);
    for key in &keys {
        assert!(world.get(key).await?.is_some(), "{key} stays");
    }
    Ok(())
}

#[tokio::test]
async fn a_bulk_load_that_failed_loads_only_what_is_missing_when_asked_again() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(4)").await?;
    let good = lake.put("a.csv", "1,plum\n").await?;
    let bad = lake.put("b.csv", "2,pomegranate\n").await?;
    lake.load_all(&[good.clone(), bad.clone()], 1, &[]).await?;
    let story = world.story(&good).await?;
    assert_eq!(story.state(), "complete", "{story}");
    assert_eq!(lake.rows().await?, ["1|plum"]);

    let sql = format!("ALTER TABLE {} ALTER COLUMN name TYPE varchar(40)", lake.table);
    world.query(&sql).await?;
    let said = lake.load_all(&[bad], 2, &[]).await?;
    assert_eq!(
        (&said["recorded"], &said["again"]),
        (&0.into(), &1.into()),
        "{said}"
    );
    assert_eq!(lake.rows().await?, ["1|plum", "2|pomegranate"]);
    assert_eq!(world.loads_of(&good).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_bulk_load_may_merge() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    world
        .query(&format!("INSERT INTO {} VALUES (1, 'a'), (2, 'x')", lake.table))
        .await?;
    let keys = [
        lake.put("a.csv", "1,b\n2,a\n").await?,
        lake.put("b.csv", "1,c\n").await?,
    ];

    let more = ["--merge-key", "id", "--merge-order", "name"];
    lake.load_all(&keys, 1, &more).await?;
    assert_eq!(lake.rows().await?, ["1|c", "2|x"]);
    Ok(())
}

#[tokio::test]
async fn what_failed_by_its_columns_is_loaded_when_the_right_ones_are_said() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let keys = [lake.put("a.csv", "1,plum\n").await?];
    let mistaken = Lake {
        columns: "name,id",
        folder: lake.folder.clone(),
        table: lake.table.clone(),
        ..lake
    };
    mistaken.load_all(&keys, 1, &[]).await?;
    assert_eq!(world.story(&keys[0]).await?.state(), "failed");

    let said = lake.load_all(&keys, 2, &[]).await?;
    assert_eq!(said["recorded"], 1, "{said}");
    assert_eq!(lake.rows().await?, ["1|plum"]);
    // What failed the first time is there by now: nothing brings it twice.
    let said = mistaken.load(&["--yes"])?;
    assert_eq!(
        (&said["recorded"], &said["again"]),
        (&0.into(), &0.into()),
        "{said}"
    );
    let said = lake.load(&["--yes"])?;
    assert_eq!(
        (&said["recorded"], &said["loaded"]),
        (&0.into(), &1.into()),
        "{said}"
    );
    assert_eq!(world.loads_of(&keys[0]).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn the_files_of_one_prefix_go_into_several_tables_each_once() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let copy = Lake {
        folder: lake.folder.clone(),
        ..Lake::with_table(&world, "id integer, name varchar(40)").await?
    };
    let keys = [
        lake.put("a.csv", "1,plum\n").await?,
        lake.put("b.csv", "2,fig\n").await?,
    ];
    for (nth, lake) in [(1, &lake), (2, &copy)] {
        let said = lake.load_all(&keys, nth, &[]).await?;
        assert_eq!(
            (&said["files"], &said["recorded"]),
            (&2.into(), &2.into()),
            "{said}"
        );
        assert_eq!(lake.rows().await?, ["1|plum", "2|fig"]);
        let again = lake.load(&["--yes"])?;
        assert_eq!(
            (&again["recorded"], &again["loaded"]),
            (&0.into(), &2.into()),
            "{again}"
        );
    }
    // With other words for the same table: its rows are there, whoever brought them.
    let said = copy.load_all(&keys, 3, &["--set", "delimiter=,"]).await?;
    assert_eq!(said["recorded"], 2, "{said}");
    for key in &keys {
        let newest = &world.stories(key, 3).await?;
        let states: Vec<_> = newest.iter().map(|story| story.state().to_owned()).collect();
        assert_eq!(
            states.iter().filter(|state| *state == "skipped").count(),
            1,
            "{states:?}"
        );
    }
    assert_eq!(copy.rows().await?, ["1|plum", "2|fig"]);
    Ok(())
}

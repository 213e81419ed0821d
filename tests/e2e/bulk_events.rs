//! Bulk loads as an event of a function: in the shape of an older loader, once, and what failed or is new when invoked again.

use serde_json::{Value, json};

use crate::bulk::Lake;
use crate::support::{Answer, World};

const RECONCILE: &str = "external-file-reconcile";

/// A path of an event.
fn path(world: &World, lake: &Lake<'_>) -> Value {
    json!({
        "s3_path": format!("s3://{}/{}", world.ready().bucket, lake.folder),
        "table": lake.table,
        "columns": ["id", "name"],
    })
}

async fn invoke(world: &World, paths: &[Value]) -> anyhow::Result<Answer> {
    world.invoke(RECONCILE, &json!({ "paths": paths })).await
}

/// Counts of a path in an answer: files, put on the ledger, tried again, loaded, under way, failed.
fn counts(said: &Value) -> [i64; 6] {
    ["files", "recorded", "again", "loaded", "under_way", "failed"]
        .map(|count| said[count].as_i64().unwrap_or(-1))
}

async fn world() -> anyhow::Result<World> {
    let world = World::asked_about_files().await?;
    world.set_column_numbers_apart().await?;
    Ok(world)
}

#[tokio::test]
async fn an_event_loads_what_lies_below_its_paths_once() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let empty = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let keys = [
        lake.put("a.csv", "1,plum\n2,fig\n").await?,
        lake.put("day=2/b.csv", "3,pear\n").await?,
    ];
    lake.put("_SUCCESS", "").await?;
    let paths = [path(&world, &lake), path(&world, &empty)];

    let said = invoke(&world, &paths).await?.body;
    assert_eq!(counts(&said["paths"][0]), [2, 2, 0, 0, 2, 0], "{said}");
    assert_eq!(counts(&said["paths"][1]), [0; 6], "{said}");
    assert_eq!(
        said["paths"][1]["note"],
        "nothing lies there that ends as it should"
    );
    assert_eq!(said["is_through"], true);
    lake.settle(&said["paths"][0], &keys, 1).await?;
    assert_eq!(lake.rows().await?, ["1|plum", "2|fig", "3|pear"]);
    assert!(world.get(&keys[0]).await?.is_some(), "files stay");

    let said = invoke(&world, &paths).await?.body;
    assert_eq!(counts(&said["paths"][0]), [2, 0, 0, 2, 0, 0], "{said}");
    assert_eq!(lake.rows().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_event_again_loads_only_what_failed_or_is_new() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(4)").await?;
    let keys = [
        lake.put("a.csv", "1,plum\n").await?,
        lake.put("b.csv", "2,pomegranate\n").await?,
    ];
    let paths = [path(&world, &lake)];
    let said = invoke(&world, &paths).await?.body;
    lake.settle(&said["paths"][0], &keys, 1).await?;
    assert_eq!(lake.rows().await?, ["1|plum"]);

    let sql = format!("ALTER TABLE {} ALTER COLUMN name TYPE varchar(40)", lake.table);
    world.query(&sql).await?;
    let new = lake.put("c.csv", "3,fig\n").await?;
    let said = invoke(&world, &paths).await?.body;
    assert_eq!(counts(&said["paths"][0]), [3, 1, 1, 1, 2, 0], "{said}");
    lake.settle(&said["paths"][0], &[new], 1).await?;
    lake.settle(&said["paths"][0], &[keys[1].clone()], 2).await?;
    assert_eq!(lake.rows().await?, ["1|plum", "2|pomegranate", "3|fig"]);
    assert_eq!(world.loads_of(&keys[0]).await?.len(), 1);
    let said = invoke(&world, &paths).await?.body;
    assert_eq!(counts(&said["paths"][0]), [3, 0, 0, 3, 0, 0], "{said}");
    Ok(())
}

#[tokio::test]
async fn an_event_merges_by_its_keys() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    world
        .query(&format!("INSERT INTO {} VALUES (1, 'a'), (2, 'x')", lake.table))
        .await?;
    let keys = [
        lake.put("a.csv", "1,b\n2,a\n").await?,
        lake.put("b.csv", "1,c\n").await?,
    ];
    let mut path = path(&world, &lake);
    path["options"] = json!({ "merge_duplicate_pks": true, "merge_pk": "id", "merge_timestamp": "name" });
    let said = invoke(&world, &[path]).await?.body;
    lake.settle(&said["paths"][0], &keys, 1).await?;
    assert_eq!(lake.rows().await?, ["1|c", "2|x"]);
    Ok(())
}

#[tokio::test]
async fn an_event_with_a_role_of_its_own_loads_with_that_role() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let keys = [lake.put("a.csv", "1,plum\n").await?];
    let role = "arn:aws:iam::000000000000:role/of-the-event";
    let event = json!({
        "paths": [path(&world, &lake)],
        "copy": { "role_arn": role },
        "cluster": { "identifier": world.ready().cluster_identifier, "db_name": world.ready().database },
    });
    for _ in 0..2 {
        let said = world.invoke(RECONCILE, &event).await?.body;
        lake.settle(&said["paths"][0], &keys, 1).await?;
    }
    assert_eq!(lake.rows().await?, ["1|plum"]);
    let targets = format!("SELECT to_jsonb(count(*)) FROM rdscnfg.ext_target WHERE iam_role = '{role}'");
    assert_eq!(world.control_rows(&targets).await?, [Value::from(1)]);
    let batch = format!(
        "SELECT batch.plan -> 'statements' ->> 3 FROM rdscnfg.ext_file_load AS load
        INNER JOIN rdscnfg.ext_file_load AS batch ON batch.load_id = load.batch_id
        WHERE load.object_key = '{}'",
        keys[0]
    );
    let copy = world.control_rows(&format!("SELECT to_jsonb(({batch}))")).await?;
    assert!(copy[0].to_string().contains(role), "{copy:?}");
    Ok(())
}

#[tokio::test]
async fn an_event_at_fault_is_refused_whole_with_every_place() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let key = lake.put("a.csv", "1,plum\n").await?;
    let good = path(&world, &lake);

    let mut slip = good.clone();
    slip["optoins"] = json!({});
    let refused = invoke(&world, &[good.clone(), slip]).await?;
    assert!(refused.is_error);
    assert_eq!(refused.body["errorType"], "Reject", "{}", refused.body);
    let said = refused.body["errorMessage"].to_string();
    assert!(
        said.contains("paths[1].optoins") && said.contains("did you mean options?"),
        "{said}"
    );

    // What only the tables of rules know is told before anything is done for the other path.
    let mut faulty = good.clone();
    faulty["fields"] = json!({ "delimeter": "|" });
    let mut keyless = good.clone();
    keyless["fields"] = json!({ "load_mode": "merge" });
    let refused = invoke(&world, &[good, faulty, keyless]).await?;
    let said = refused.body["errorMessage"].to_string();
    for fault in [
        "paths[1]: ",
        "did you mean delimiter?",
        "paths[2]: ",
        "merge_keys",
    ] {
        assert!(said.contains(fault), "{fault} is not in {said}");
    }
    assert!(world.loads_of(&key).await?.is_empty(), "nothing was done");
    Ok(())
}

#[tokio::test]
async fn two_events_at_once_load_a_file_once() -> anyhow::Result<()> {
    let world = world().await?;
    let lake = Lake::with_table(&world, "id integer, name varchar(40)").await?;
    let key = lake.put("a.csv", "1,plum\n").await?;
    let paths = [path(&world, &lake)];
    let (one, other) = tokio::join!(invoke(&world, &paths), invoke(&world, &paths));
    let (one, other) = (one?.body, other?.body);
    let (one, other) = (&one["paths"][0], &other["paths"][0]);
    assert_eq!(one["rule"], other["rule"], "{one} {other}");
    assert_eq!(counts(one)[1] + counts(other)[1], 1, "{one} {other}");
    lake.settle(one, &[key], 1).await?;
    assert_eq!(lake.rows().await?, ["1|plum"]);
    Ok(())
}

//! What is told of the work in CloudWatch's embedded metric format, parsed as CloudWatch parses it, and held against the template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Stack, World};

const RECONCILE: &str = "external-file-reconcile";
/// What CloudWatch takes.
const MOST_DIMENSIONS: usize = 30;
const UNITS: [&str; 3] = ["Bytes", "Count", "Seconds"];

/// A metric's name with its dimensions, and the values that were told under it, dimension values first.
type Told = BTreeMap<(String, Vec<String>), Vec<(Vec<String>, f64)>>;

/// Reads the metric lines of a log, strictly.
fn parse(log: &str) -> anyhow::Result<Told> {
    let mut told = Told::new();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines.filter(|line| line.get("_aws").is_some()) {
        let at = line["_aws"]["Timestamp"].as_i64().context("a timestamp")?;
        ensure!(at > 1_500_000_000_000, "{at} is no time in milliseconds");
        let directives = line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .context("directives")?;
        for directive in directives {
            read_directive(directive, &line, &mut told).with_context(|| line.to_string())?;
        }
    }
    Ok(told)
}

fn read_directive(directive: &Value, line: &Value, told: &mut Told) -> anyhow::Result<()> {
    ensure!(directive["Namespace"] == "Longshore");
    let sets = directive["Dimensions"].as_array().context("dimension sets")?;
    let metrics = directive["Metrics"].as_array().context("metrics")?;
    for set in sets {
        let names: Vec<String> = serde_json::from_value(set.clone())?;
        ensure!(names.len() <= MOST_DIMENSIONS);
        let values = names.iter().map(|name| line[name].as_str().map(str::to_owned));
        let values: Vec<String> = values
            .collect::<Option<_>>()
            .context("a dimension is text at the root")?;
        for metric in metrics {
            let name = metric["Name"].as_str().context("a name")?;
            let unit = metric["Unit"].as_str().context("a unit")?;
            ensure!(UNITS.contains(&unit), "{unit} is no unit");
            let value = line[name].as_f64().context("a metric is a number at the root")?;
            let key = (name.to_owned(), names.clone());
            told.entry(key).or_default().push((values.clone(), value));
        }
    }
    Ok(())
}

/// Every metric of ours that the template's alarms and its dashboard use, with its dimensions.
fn used_by_the_template() -> anyhow::Result<BTreeSet<(String, Vec<String>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let template = std::fs::read_to_string(root.join("orchestration/template.yaml"))?;
    let mut used = BTreeSet::new();
    for alarm in template.split("Namespace: Longshore\n").skip(1) {
        let name = alarm
            .trim()
            .strip_prefix("MetricName: ")
            .and_then(|rest| rest.split('\n').next());
        let dimensions = alarm.split("Statistic:").next().context("a statistic")?;
        let names = dimensions
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- Name: "));
        used.insert((
            name.context("a metric")?.to_owned(),
            names.map(str::to_owned).collect(),
        ));
    }
    for line in template
        .lines()
        .filter(|line| line.trim().starts_with("[\"Longshore\""))
    {
        let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let dimensions = words.iter().skip(2).step_by(2).filter(|name| **name != "yAxis");
        used.insert((
            words[1].to_owned(),
            dimensions.map(|name| (*name).to_owned()).collect(),
        ));
    }
    Ok(used)
}

#[tokio::test]
async fn the_reconciler_tells_every_metric_that_the_template_watches() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let feed = world.feed().trailer("5:13").create().await?;
    world
        .land(&feed.file_name(), "1|a\n2|b\nTRL|00000002\n")
        .await?
        .assert_loaded(2);
    world.land("NOBODY_KNOWS_ME.txt", "1\n").await?;
    // A minute is told once it is over; here it was over a minute ago.
    world
        .control
        .batch_execute("UPDATE rdscnfg.ext_file_load SET finished_at = finished_at - interval '1 minute'")
        .await?;
    let deadline = std::time::Instant::now() + PATIENCE;
    let told = loop {
        world.invoke(RECONCILE, &json!({})).await?;
        let told = parse(&world.stack.local.function_log(RECONCILE)?)?;
        let finished = (
            "FinishedLoads".to_owned(),
            vec!["Function".to_owned(), "State".to_owned()],
        );
        if told.contains_key(&finished) {
            break told;
        }
        ensure!(std::time::Instant::now() < deadline, "{told:?}");
    };

    let names: BTreeSet<_> = told.keys().cloned().collect();
    let used = used_by_the_template()?;
    let untold: Vec<_> = used.difference(&names).collect();
    assert!(
        untold.is_empty(),
        "the template watches what nobody tells: {untold:?}"
    );
    let unwatched: Vec<_> = names.difference(&used).collect();
    assert!(
        unwatched.is_empty(),
        "nothing in the template shows {unwatched:?}"
    );

    let value = |name: &str, state: &str| -> f64 {
        let key = (name.to_owned(), vec!["Function".to_owned(), "State".to_owned()]);
        let values = told[&key].iter().filter(|(values, _)| values[1] == state);
        values.map(|(_, value)| *value).fold(f64::NAN, f64::max)
    };
    assert_eq!(
        (
            value("FinishedLoads", "complete"),
            value("LoadedRows", "complete")
        ),
        (1.0, 2.0)
    );
    assert_eq!(
        (
            value("FinishedLoads", "rejected"),
            value("LoadedRows", "rejected")
        ),
        (1.0, 0.0)
    );
    assert!(value("LoadedBytes", "complete") > 0.0 && value("WarehouseTime", "complete") >= 0.0);
    Ok(())
}

//! Who may depend on whom: ARCHITECTURE.md's "Direction", checked.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

/// Every crate of ours with the ones of ours that it may use.
const INTERNAL: [(&str, &[&str]); 17] = [
    ("longshore-domain", &[]),
    ("longshore-preprocess", &[]),
    ("longshore-copy", &["longshore-domain"]),
    ("longshore-store", &["longshore-domain"]),
    (
        "longshore-app",
        &[
            "longshore-domain",
            "longshore-preprocess",
            "longshore-copy",
            "longshore-store",
        ],
    ),
    ("longshore-aws", &["longshore-domain", "longshore-app"]),
    (
        "longshore-runtime",
        &[
            "longshore-domain",
            "longshore-store",
            "longshore-app",
            "longshore-aws",
        ],
    ),
    (
        "external-file-process",
        &["longshore-domain", "longshore-app", "longshore-runtime"],
    ),
    (
        "external-file-process-logging",
        &["longshore-domain", "longshore-app", "longshore-runtime"],
    ),
    (
        "external-file-reconcile",
        &["longshore-domain", "longshore-app", "longshore-runtime"],
    ),
    (
        "longshore",
        &[
            "longshore-domain",
            "longshore-copy",
            "longshore-store",
            "longshore-app",
            "longshore-runtime",
            "longshore-local-stack",
            "longshore-local-postgres",
            // `file split` needs no use case: it is the engine and a folder.
            "longshore-preprocess",
            // What Parquet, ORC and Avro samples hold, for `rule infer`.
            "longshore-local-warehouse-columnar",
        ],
    ),
    ("longshore-local-stack", &["longshore-local-warehouse"]),
    (
        "longshore-local-warehouse",
        &["longshore-local-warehouse-columnar"],
    ),
    ("longshore-local-warehouse-columnar", &[]),
    ("longshore-local-postgres", &[]),
    ("longshore-testkit", &["longshore-local-postgres"]),
    ("longshore-e2e", &["longshore-testkit"]),
];
/// What the tests of a crate may use besides.
const INTERNAL_IN_TESTS: [(&str, &[&str]); 4] = [
    ("longshore-store", &["longshore-testkit"]),
    ("longshore-app", &["longshore-testkit"]),
    ("longshore-local-stack", &["longshore-local-postgres"]),
    ("longshore-local-warehouse", &["longshore-local-postgres"]),
];
/// Who may use the AWS SDK, and who may use PostgreSQL's driver.
const AWS_SDK: [&str; 2] = ["longshore-aws", "longshore-runtime"];
const AWS_SDK_IN_TESTS: [&str; 2] = ["longshore-local-stack", "longshore-e2e"];
const POSTGRES: [&str; 5] = [
    "longshore-store",
    "longshore-local-stack",
    "longshore-local-warehouse",
    "longshore-local-postgres",
    "longshore-testkit",
];
const POSTGRES_IN_TESTS: [&str; 2] = ["longshore-app", "longshore-e2e"];

/// A dependency of a crate of ours.
struct Edge {
    from: String,
    to: String,
    in_tests: bool,
}

fn edges() -> anyhow::Result<(BTreeSet<String>, Vec<Edge>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("understand cargo metadata")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let mut packages = BTreeSet::new();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        packages.insert(name(package));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            edges.push(Edge {
                from: name(package),
                to: name(dependency),
                in_tests: dependency["kind"] == "dev",
            });
        }
    }
    Ok((packages, edges))
}

fn listed<const COUNT: usize>(
    table: [(&str, &'static [&'static str]); COUNT],
    from: &str,
) -> &'static [&'static str] {
    table
        .into_iter()
        .find(|(name, _)| *name == from)
        .map_or(&[], |(_, allowed)| allowed)
}

fn is_allowed(edge: &Edge, ours: &BTreeSet<String>) -> bool {
    let (from, to) = (edge.from.as_str(), edge.to.as_str());
    if ours.contains(to) {
        let in_tests = edge.in_tests && listed(INTERNAL_IN_TESTS, from).contains(&to);
        return in_tests || listed(INTERNAL, from).contains(&to);
    }
    if to.starts_with("aws-sdk-") {
        return AWS_SDK.contains(&from) || (edge.in_tests && AWS_SDK_IN_TESTS.contains(&from));
    }
    if to == "tokio-postgres" {
        return POSTGRES.contains(&from) || (edge.in_tests && POSTGRES_IN_TESTS.contains(&from));
    }
    true
}

#[test]
fn no_crate_uses_one_that_it_must_not() -> anyhow::Result<()> {
    let (ours, edges) = edges()?;
    let forbidden: Vec<String> = edges
        .iter()
        .filter(|edge| !is_allowed(edge, &ours))
        .map(|edge| {
            format!(
                "{} -> {}{}",
                edge.from,
                edge.to,
                if edge.in_tests { " (tests)" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        forbidden,
        Vec::<String>::new(),
        "see Direction in ARCHITECTURE.md"
    );
    Ok(())
}

#[test]
fn every_crate_has_its_place_in_the_direction() -> anyhow::Result<()> {
    let (ours, _) = edges()?;
    let placed = INTERNAL.map(|(name, _)| name.to_owned()).into();
    assert_eq!(ours, placed);
    Ok(())
}

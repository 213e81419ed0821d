//! "What happens when…", checked: every test that this folder's README names is there, every file of tests keeps a promise,
//! and the product's README promises nothing that this folder's does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;

const PRODUCT: &str = include_str!("../../README.md");
const TESTS: &str = include_str!("README.md");
/// A table with fewer rows was lost, or is not read as it is written: then nothing would be checked.
const FEWEST_OF_PRODUCT: usize = 15;
const FEWEST_OF_TESTS: usize = 180;
/// The files of this folder that keep no promise of the table: they hold other documents against the source, or are no tests.
const WITHOUT_PROMISE: [&str; 4] = ["codes", "main", "promises", "rule_fields"];

/// A test as a promise names it: by its name, by pieces of that with `…` for what is left out, or by `*` for all of a file.
struct Named<'a> {
    module: &'a str,
    test: &'a str,
}

/// The lines of a table of promises: those that name a test.
fn promises(readme: &str) -> Vec<&str> {
    readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"))
        .collect()
}

/// The tests that a promise names in its last column. One without a file is in that of the one before.
fn named(promise: &str) -> Vec<Named<'_>> {
    let row = promise.trim_end().trim_end_matches('|');
    let cell = row.rsplit(" | ").next().unwrap_or_default();
    let mut module = "";
    let mut all = Vec::new();
    // Between the first and the second backtick, the third and the fourth …
    for text in cell.split('`').skip(1).step_by(2) {
        let test = match text.split_once("::") {
            Some((of, test)) => {
                module = of;
                test
            }
            None => text,
        };
        all.push(Named { module, test });
    }
    all
}

/// The names of the tests in a file of this folder.
fn tests_of(module: &str) -> anyhow::Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{module}.rs"));
    let source = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            tests.push(name.split('(').next().unwrap_or_default().to_owned());
            is_test = false;
        }
    }
    Ok(tests)
}

/// Whether this is the test that is meant: the pieces between `…` come in its name, in their order, the first and the last at
/// its ends.
fn fits(test: &str, meant: &str) -> bool {
    let pieces: Vec<&str> = meant.split('…').collect();
    let [first, middle @ .., last] = pieces.as_slice() else {
        return test == meant;
    };
    let within = test
        .strip_prefix(*first)
        .and_then(|rest| rest.strip_suffix(*last));
    let Some(mut rest) = within else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(*piece) else {
            return false;
        };
        rest = after;
    }
    true
}

#[test]
fn every_promise_names_a_test_that_is_there() -> anyhow::Result<()> {
    let promises = promises(TESTS);
    assert!(promises.len() >= FEWEST_OF_TESTS, "{} promises", promises.len());
    for promise in promises {
        for Named { module, test } in named(promise) {
            let tests = tests_of(module)?;
            let is_there = match test {
                "*" => !tests.is_empty(),
                _ => tests.iter().filter(|name| fits(name, test)).count() == 1,
            };
            assert!(is_there, "{module}::{test} is not one test: {promise}");
        }
    }
    Ok(())
}

#[test]
fn every_file_of_tests_keeps_a_promise() -> anyhow::Result<()> {
    let kept: BTreeSet<&str> = promises(TESTS)
        .into_iter()
        .flat_map(named)
        .map(|named| named.module)
        .collect();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        assert!(
            !is_source || kept.contains(name) || WITHOUT_PROMISE.contains(&name),
            "tests/e2e/README.md names no test of {name}.rs"
        );
    }
    Ok(())
}

#[test]
fn the_products_readme_promises_what_the_tests_say() {
    let (of_product, of_tests) = (promises(PRODUCT), promises(TESTS));
    assert!(
        of_product.len() >= FEWEST_OF_PRODUCT,
        "{} promises",
        of_product.len()
    );
    for promise in of_product {
        assert!(
            of_tests.contains(&promise),
            "tests/e2e/README.md does not say: {promise}"
        );
    }
}

#[test]
fn a_test_may_be_named_by_pieces_of_its_name() {
    assert!(fits("a_file_is_loaded_once", "a_file_is_loaded_once"));
    assert!(fits("a_file_is_loaded_once", "…_is_loaded_…"));
    assert!(fits("a_file_is_loaded_once", "…loaded_once"));
    assert!(fits("a_file_is_loaded_once", "a_file_…"));
    assert!(!fits("a_file_is_loaded_once", "a_file"));
    assert!(!fits("a_file_is_loaded_once", "…_is_lost_…"));
    assert!(!fits("a_file_is_loaded_once", "…_loaded"));
}

#[test]
fn what_a_promise_names_is_in_its_last_column() {
    let row = "| a `x::y` | `z` | `once::all`, `…_of_it_…`, `rows::*` and more |";
    let named: Vec<_> = named(row)
        .into_iter()
        .map(|named| (named.module, named.test))
        .collect();
    assert_eq!(named, [("once", "all"), ("once", "…_of_it_…"), ("rows", "*")]);
}

//! README.md's "What happens when…", checked: every test that it names is there, and it says what this folder's README says.

use std::fs;
use std::path::Path;

use anyhow::Context;

const PRODUCT: &str = include_str!("../../README.md");
const TESTS: &str = include_str!("README.md");

/// The lines of a table of promises: those that name a test.
fn promises(readme: &str) -> impl Iterator<Item = &str> {
    readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"))
}

#[test]
fn every_promise_names_a_test_that_is_there() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for promise in promises(PRODUCT) {
        let named = promise
            .split('`')
            .filter_map(|text| text.split_once("::"))
            .filter(|(_, test)| *test != "*");
        for (module, test) in named {
            let path = folder.join(format!("{module}.rs"));
            let source = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            assert!(
                source.contains(&format!("fn {test}(")),
                "{module}::{test} is not there: {promise}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_products_readme_promises_what_the_tests_say() {
    let of_tests: Vec<_> = promises(TESTS).collect();
    for promise in promises(PRODUCT) {
        assert!(
            of_tests.contains(&promise),
            "tests/e2e/README.md does not say: {promise}"
        );
    }
}

//! What it costs to write the SQL of a load: `make bench-micro`.
#![expect(
    clippy::unwrap_used,
    dead_code,
    reason = "a program for measuring, on the tests' builders"
)]

#[path = "../tests/it/arrange.rs"]
mod arrange;

use arrange::{Load, column, rule, spec_of};
use divan::Bencher;
use longshore_domain::rule::FileRule;

fn main() {
    divan::main();
}

/// The whole transaction: stage, COPY, counts, insert, marker.
#[divan::bench(args = [5, 100, 1600])]
fn load_transaction(bencher: Bencher<'_, '_>, columns: usize) {
    let load = Load::of(&rule_of(columns));
    bencher.bench(|| load.render().unwrap());
}

/// From the rule to the COPY's options, each checked.
#[divan::bench(args = [5, 100, 1600])]
fn copy_of_a_rule(bencher: Bencher<'_, '_>, columns: usize) {
    let rule = rule_of(columns);
    bencher.bench(|| spec_of(divan::black_box(&rule)).unwrap());
}

fn rule_of(columns: usize) -> FileRule {
    rule(|row| {
        row.columns = (0..columns)
            .map(|number| column(&format!("column_{number}"), None))
            .collect();
    })
}

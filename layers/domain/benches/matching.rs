//! What it costs to find the rule of a file, among as many as the store may bring: `make bench-micro`.

use divan::Bencher;
use longshore_domain::matching;
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::RuleRow;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 100, 10_000])]
fn by_token(bencher: Bencher<'_, '_>, rules: usize) {
    find(bencher, rules, |number, row| {
        row.file_prefix = format!("{number}.")
    });
}

#[divan::bench(args = [1, 100, 10_000])]
fn by_key_pattern(bencher: Bencher<'_, '_>, rules: usize) {
    find(bencher, rules, |number, row| {
        row.key_pattern = Some(format!("in/{number}/yyyy=*/mm=*/"));
    });
}

#[divan::bench(args = [1, 100])]
fn by_key_regex(bencher: Bencher<'_, '_>, rules: usize) {
    find(bencher, rules, |number, row| {
        row.key_regex = Some(format!(r"^in/{number}/(?<region>[a-z]+)_\d+\.txt$"));
    });
}

/// A file of none of them, so that all are looked at.
fn find(bencher: Bencher<'_, '_>, rules: usize, change: impl Fn(usize, &mut RuleRow)) {
    let rows: Vec<_> = (0..rules)
        .map(|number| {
            let mut row = RuleRow {
                ext_file_config_sid: i32::try_from(number).unwrap_or(i32::MAX),
                ..RuleRow::default()
            };
            change(number, &mut row);
            row
        })
        .collect();
    let key = ObjectKey::new("in/none/yyyy=2026/mm=11/PROD_PRICES_none.txt");
    bencher.bench(|| matching::find(divan::black_box(&rows), None, divan::black_box(&key)));
}

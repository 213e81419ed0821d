//! The tables of rules as a whole: read, changed, judged in their place, written back.

use std::collections::BTreeMap;

use longshore_store::{
    Changed, FieldKind, Operator, Preset, RuleBook, RuleChange, Sheet, SheetColumn, Verdict,
};

use crate::support::Bench;

async fn with_samples() -> (Bench, Vec<SheetColumn>) {
    let bench = Bench::new().await;
    bench.store.apply_samples().await.unwrap();
    let catalog = bench.store.rule_catalog().await.unwrap();
    (bench, catalog)
}

fn operator() -> Operator {
    Operator {
        name: "ann".to_owned(),
        reason: "the sender's new delimiter".to_owned(),
    }
}

/// Rule 71 with another delimiter, as a change of the tables as they are.
async fn change(bench: &Bench) -> RuleChange {
    let seen = bench.store.rule_book(Some(&[71])).await.unwrap();
    let mut rule = seen.rules[0].fields.clone();
    rule.insert("delimiter".to_owned(), ";".to_owned());
    rule.retain(|name, _| !name.ends_with("_date"));
    RuleChange {
        seen,
        about: Some(vec![71]),
        rows: BTreeMap::from([(Sheet::Rule, vec![rule])]),
    }
}

async fn delimiter(bench: &Bench) -> Option<String> {
    let book: RuleBook = bench.store.rule_book(Some(&[71])).await.unwrap();
    book.rules[0].fields.get("delimiter").cloned()
}

#[tokio::test]
async fn the_catalogue_has_every_column_of_the_four_tables() {
    let (bench, catalog) = with_samples().await;
    let find = |sheet, name: &str| {
        let found = catalog
            .iter()
            .find(|column| column.sheet == sheet && column.name == name);
        found.unwrap_or_else(|| unreachable!("{name} is not there"))
    };
    let flag = find(Sheet::Rule, "paused");
    assert_eq!((flag.kind, flag.required), (FieldKind::Flag, true));
    assert_eq!(flag.preset, Preset::Text("false".to_owned()));
    assert_eq!(
        find(Sheet::Interface, "ext_interface_cid").kind,
        FieldKind::Number
    );
    assert_eq!(find(Sheet::Rule, "created_date").preset, Preset::Computed);
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'rdscnfg'
        AND table_name IN ('ext_interface', 'ext_target', 'ext_file_config', 'ext_file_config_dtl')";
    assert_eq!(bench.number(columns).await, i64::try_from(catalog.len()).unwrap());
}

#[tokio::test]
async fn a_column_that_is_added_to_the_table_is_read_and_written_without_a_word() {
    let (bench, _) = with_samples().await;
    bench
        .run(
            "ALTER TABLE rdscnfg.ext_file_config ADD COLUMN shade integer DEFAULT 3",
            &[],
        )
        .await
        .unwrap();
    let catalog = bench.store.rule_catalog().await.unwrap();
    let mut change = change(&bench).await;
    let row = &mut change.rows.get_mut(&Sheet::Rule).unwrap()[0];
    assert_eq!(
        row.insert("shade".to_owned(), "4".to_owned()).as_deref(),
        Some("3")
    );
    let changed = bench
        .store
        .change_rules(&change, &catalog, &operator(), |_| Verdict::Keep)
        .await;
    assert_eq!(changed.unwrap(), Changed::Kept);
    let book = bench.store.rule_book(Some(&[71])).await.unwrap();
    assert_eq!(book.rules[0].fields["shade"], "4");
}

#[tokio::test]
async fn a_change_is_judged_with_the_rules_as_they_would_be_and_undone_leaves_no_trace() {
    let (bench, catalog) = with_samples().await;
    let change = change(&bench).await;
    let mut seen = None;
    let judge = |rows: &[longshore_domain::rule::RuleRow]| {
        seen = rows
            .iter()
            .find(|row| row.ext_file_config_sid == 71)
            .and_then(|row| row.delimiter.clone());
        Verdict::Undo
    };
    let changed = bench
        .store
        .change_rules(&change, &catalog, &operator(), judge)
        .await
        .unwrap();
    assert_eq!(changed, Changed::Undone);
    assert_eq!(seen.as_deref(), Some(";"));
    assert_eq!(delimiter(&bench).await.as_deref(), Some("|"));
    let versions = bench
        .store
        .rule_versions(longshore_domain::rule::RuleId(71))
        .await
        .unwrap();
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn a_change_that_is_kept_is_a_version_with_who_and_why() {
    let (bench, catalog) = with_samples().await;
    let change = change(&bench).await;
    let changed = bench
        .store
        .change_rules(&change, &catalog, &operator(), |_| Verdict::Keep)
        .await;
    assert_eq!(changed.unwrap(), Changed::Kept);
    assert_eq!(delimiter(&bench).await.as_deref(), Some(";"));
    let versions = bench
        .store
        .rule_versions(longshore_domain::rule::RuleId(71))
        .await
        .unwrap();
    assert_eq!(versions[0].changed_by, "ann");
    assert_eq!(versions[0].reason.as_deref(), Some("the sender's new delimiter"));
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
    let (bench, catalog) = with_samples().await;
    let change = change(&bench).await;
    bench
        .run(
            "UPDATE rdscnfg.ext_file_config SET delimiter = ',' WHERE ext_file_config_sid = 71",
            &[],
        )
        .await
        .unwrap();
    let changed = bench
        .store
        .change_rules(&change, &catalog, &operator(), |_| Verdict::Keep)
        .await;
    assert_eq!(changed.unwrap(), Changed::Meanwhile);
    assert_eq!(delimiter(&bench).await.as_deref(), Some(","));
}

#[tokio::test]
async fn a_new_column_gets_a_number_that_nobody_has() {
    let (bench, catalog) = with_samples().await;
    let mut change = change(&bench).await;
    let column = [
        ("ext_file_config_sid", "71"),
        ("column_name", "extra"),
        ("column_order_sqnc", "9"),
        ("oprtnl_flag", "A"),
    ];
    let column = column.map(|(name, text)| (name.to_owned(), text.to_owned()));
    change
        .rows
        .insert(Sheet::Column, vec![column.clone().into(), column.into()]);
    let changed = bench
        .store
        .change_rules(&change, &catalog, &operator(), |_| Verdict::Keep)
        .await;
    assert_eq!(changed.unwrap(), Changed::Kept);
    let distinct = "SELECT count(DISTINCT ext_file_config_dtl_sid) FROM rdscnfg.ext_file_config_dtl
        WHERE column_name = 'extra' AND ext_file_config_dtl_sid > 7503";
    assert_eq!(bench.number(distinct).await, 2);
}

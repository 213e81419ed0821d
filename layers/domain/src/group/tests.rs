//! What makes a set, and which rules make a group.

use super::*;
use crate::rule::{ColumnRow, RuleRow};

fn rule(sid: i32, change: impl FnOnce(&mut RuleRow)) -> FileRule {
    let text = |text: &str| Some(text.to_owned());
    let mut row = RuleRow {
        ext_file_config_sid: sid,
        file_prefix: format!("{sid}."),
        file_format: "csv".to_owned(),
        file_type: "csv".to_owned(),
        header_flag: "N".to_owned(),
        trailer_flag: "N".to_owned(),
        split_file_flag: "N".to_owned(),
        tgt_schema_name: text("s"),
        tgt_table_name: Some(format!("t{sid}")),
        load_group: text("Sales"),
        columns: vec![ColumnRow {
            column_name: "a".to_owned(),
            column_width_fixed: None,
        }],
        ..RuleRow::default()
    };
    change(&mut row);
    FileRule::from_row(&row).expect("a sound rule")
}

fn leader(sid: i32, role: &str) -> FileRule {
    rule(sid, |row| {
        row.group_role = Some(role.to_owned());
        row.tgt_schema_name = None;
        row.tgt_table_name = None;
    })
}

fn said(rules: &[FileRule]) -> String {
    let faults = LoadGroup::of(rules, None).expect_err("faults");
    faults
        .iter()
        .map(|(rule, fault)| format!("{rule} {fault}\n"))
        .collect()
}

fn id(number: u128) -> LoadId {
    LoadId::from_uuid(uuid::Uuid::from_u128(number))
}

fn judged(group: &LoadGroup, files: &[(i32, &str)], lists: Option<&[String]>) -> SetStanding {
    let keys: Vec<_> = files.iter().map(|(_, key)| ObjectKey::new(*key)).collect();
    let arrived: Vec<_> = files
        .iter()
        .zip(&keys)
        .enumerate()
        .map(|(index, ((rule, _), key))| Arrived {
            load: id(index as u128),
            rule: RuleId(*rule),
            key,
            lists: lists.filter(|_| *rule == 9),
        })
        .collect();
    group.judge(&arrived)
}

#[test]
fn a_set_of_counted_files_is_whole_with_the_last_of_them() {
    let counted = |sid, files| rule(sid, |row| row.group_files = Some(files));
    let group = LoadGroup::of(&[counted(1, 2), counted(2, 1)], None).expect("sound");
    assert_eq!(
        judged(&group, &[(1, "a")], None),
        SetStanding::Lacks(vec![
            "1 of 2 files of rule 1".into(),
            "1 of 1 files of rule 2".into()
        ])
    );
    assert_eq!(
        judged(&group, &[(1, "a"), (2, "b"), (1, "c"), (1, "next")], None),
        SetStanding::Whole(vec![id(0), id(1), id(2)])
    );
}

#[test]
fn with_a_sentinel_it_wants_the_sentinel_too_in_whatever_order() {
    let group = LoadGroup::of(&[rule(1, |_| {}), leader(9, "sentinel")], None).expect("sound");
    assert_eq!(
        judged(&group, &[(1, "a")], None),
        SetStanding::Lacks(vec!["the sentinel of rule 9".into()])
    );
    assert_eq!(
        judged(&group, &[(9, "_SUCCESS"), (1, "a")], None),
        SetStanding::Whole(vec![id(0), id(1)])
    );
}

#[test]
fn a_control_file_says_which_files_a_set_has() {
    let group = LoadGroup::of(&[rule(1, |_| {}), leader(9, "control")], None).expect("sound");
    let names = ["b.csv".to_owned(), "in/c.csv".to_owned()];
    assert_eq!(
        judged(
            &group,
            &[(1, "in/a.csv"), (9, "ctl"), (1, "in/b.csv")],
            Some(&names)
        ),
        SetStanding::Lacks(vec!["in/c.csv, which the control file lists".into()])
    );
    assert_eq!(
        judged(
            &group,
            &[(1, "in/a.csv"), (9, "ctl"), (1, "in/b.csv"), (1, "in/c.csv")],
            Some(&names)
        ),
        SetStanding::Whole(vec![id(1), id(2), id(3)])
    );
}

#[test]
fn a_group_that_can_never_be_whole_is_refused_with_each_fault_named() {
    assert!(said(&[rule(1, |_| {})]).contains("1 group_files: is not set"));
    assert!(said(&[leader(9, "sentinel")]).contains("9 load_group: no rule of the group has files"));
    assert!(
        said(&[rule(1, |_| {}), leader(8, "control"), leader(9, "sentinel")])
            .contains("9 group_role: rule 8")
    );
    let dated = |sid| {
        rule(sid, |row| {
            row.key_regex = Some(r"in/(?<day>\d+)\.csv".to_owned());
            row.group_key = Some("day".to_owned());
            row.group_files = Some(1);
        })
    };
    let query = |sid| {
        rule(sid, |row| {
            row.query = Some("call p()".to_owned());
            row.group_files = Some(1)
        })
    };
    let said = said(&[dated(1), query(2), query(3)]);
    assert!(
        said.contains("2 group_key: differs from that of rule 1"),
        "{said}"
    );
    assert!(said.contains("3 query: rule 2 has one too"), "{said}");
}

#[test]
fn what_cannot_be_done_with_a_control_file_is_refused_with_each_fault_named() {
    let named = rule(1, |row| {
        row.file_name_column = Some("file_name".to_owned());
        row.group_files = Some(1);
    });
    let said = said(&[named, leader(9, "control")]);
    assert!(
        said.contains("1 group_files: is set, and the group's control file says"),
        "{said}"
    );
    assert!(
        said.contains("1 file_name_column: cannot be filled in a group with a control file"),
        "{said}"
    );
}

#[test]
fn sets_of_more_files_than_one_transaction_takes_are_refused() {
    let counted = |sid, files| rule(sid, |row| row.group_files = Some(files));
    let most = [counted(1, 600), counted(2, 399), leader(9, "sentinel")];
    assert!(LoadGroup::of(&most, None).is_ok());
    let said = said(&[counted(1, 600), counted(2, 400), leader(9, "sentinel")]);
    assert!(
        said.contains("2 group_files: makes sets of 1001 files together"),
        "{said}"
    );
}

#[test]
fn rules_of_one_table_do_not_delete_each_others_rows() {
    let into_one = |sid, mode: &str| {
        rule(sid, |row| {
            row.tgt_table_name = Some("t".to_owned());
            row.load_mode = Some(mode.to_owned());
            row.group_files = Some(1);
        })
    };
    assert!(
        said(&[into_one(1, "truncate"), into_one(2, "append")])
            .contains("1 load_mode: truncate would delete")
    );
    assert!(LoadGroup::of(&[into_one(1, "append"), into_one(2, "append")], None).is_ok());
}

#[test]
fn a_control_file_is_refused_with_the_line() {
    assert_eq!(
        read_control_file("# the set\n\na.csv\r\nb.csv\n"),
        Ok(vec!["a.csv".into(), "b.csv".into()])
    );
    assert_eq!(
        read_control_file("a\nb\na\n"),
        Err("line 3 names a a second time".into())
    );
    assert!(read_control_file("\n#\n").is_err_and(|error| error.contains("names no file")));
    // With the control file itself as many as one transaction takes.
    let most: String = (1..1_000).map(|number| format!("{number}\n")).collect();
    assert!(read_control_file(&most).is_ok());
    assert_eq!(
        read_control_file(&format!("{most}one more\n")),
        Err("line 1000: more than 999 names are too many for one set".to_owned())
    );
}

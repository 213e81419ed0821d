//! Further warehouses that the files of a rule go to.
//!
//! A rule has a target of its own, as ever; `further_targets` names others. Of each of them there is a row of the rule as it
//! applies there ([`RuleRow::delivered_to`]), so that whoever loads need not know that there are several.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::cells::non_blank;
use super::destination::warehouse;
use super::fault::Collector;
use super::{FileRule, RuleFault, RuleRow, TargetRow};
use crate::matching::Matcher;
use crate::near;
use crate::target::{TableName, Warehouse};

/// What the deployment's own warehouse is called among targets.
pub const OWN: &str = "own";

const COLUMN: &str = "further_targets";

/// Why a snapshot rule has one target.
pub(super) const ONE_TABLE: &str = "is set, and rule_kind is snapshot: a snapshot is compared with what one table holds; make a rule \
     for each warehouse, and leave it empty";

/// A row of `ext_target` that a rule may name, in operation or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTarget {
    /// The row.
    #[serde(flatten)]
    pub row: TargetRow,
    /// Whether it is in operation.
    pub is_active: bool,
}

/// One of several warehouses that a rule's files go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The target's name.
    pub target: String,
    /// The warehouse; `None` for the deployment's own.
    pub warehouse: Option<Warehouse>,
    /// The table, with `{capture}` placeholders still in it.
    pub table: Option<TableName>,
}

/// A target as `further_targets` names it: `analytics`, or `analytics=mart.price`.
struct Named<'a> {
    name: &'a str,
    table: Option<&'a str>,
}

fn named(row: &RuleRow) -> impl Iterator<Item = Named<'_>> {
    let text = row.further_targets.as_deref().unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| match entry.split_once('=') {
        Some((name, table)) => Named {
            name: name.trim(),
            table: Some(table.trim()),
        },
        None => Named {
            name: entry,
            table: None,
        },
    })
}

impl RuleRow {
    /// What the rule's own target is called among several.
    pub fn own_target(&self) -> &str {
        self.target
            .as_ref()
            .map_or(OWN, |target| target.target_name.as_str())
    }

    /// The rule as it applies to what is delivered to one of its targets; `None` where it has no target of that name.
    pub fn delivered_to(&self, target: &str) -> Option<Self> {
        let alone = Self {
            further_targets: None,
            known_targets: vec![],
            ..self.clone()
        };
        if target == self.own_target() {
            return Some(alone);
        }
        let further = named(self).find(|further| further.name == target)?;
        let table = further.table.and_then(|table| table.split_once('.'));
        let (schema, table) = match table {
            Some((schema, table)) => (Some(schema.to_owned()), Some(table.to_owned())),
            None => (self.tgt_schema_name.clone(), self.tgt_table_name.clone()),
        };
        let row = match target {
            OWN => None,
            _ => Some(self.known(target)?.row.clone()),
        };
        Some(Self {
            target: row,
            tgt_schema_name: schema,
            tgt_table_name: table,
            ..alone
        })
    }

    /// The same with no more than it names of the targets that there are: what is kept of it with a file.
    pub fn with_its_targets(&self) -> Self {
        let names: BTreeSet<&str> = named(self).map(|further| further.name).collect();
        let is_named = |known: &&KnownTarget| names.contains(known.row.target_name.as_str());
        Self {
            known_targets: self.known_targets.iter().filter(is_named).cloned().collect(),
            ..self.clone()
        }
    }

    fn known(&self, name: &str) -> Option<&KnownTarget> {
        self.known_targets
            .iter()
            .find(|known| known.row.target_name == name)
    }
}

/// Reads `further_targets`: every target of the rule, its own first; none where it has no further ones.
pub(super) fn deliveries(row: &RuleRow, faults: &mut Collector) -> Vec<Delivery> {
    if non_blank(&row.further_targets).is_none() {
        return vec![];
    }
    let mut seen = BTreeSet::from([row.own_target()]);
    let mut deliveries = vec![Delivery {
        target: row.own_target().to_owned(),
        warehouse: row.target.as_ref().and_then(|target| warehouse(target).ok()),
        table: table_of(row),
    }];
    for further in named(row) {
        if !seen.insert(further.name) {
            faults.add(COLUMN, twice(row, further.name));
            continue;
        }
        deliveries.extend(faults.keep(delivery(row, &further)));
    }
    faults.list.extend(same_table(&deliveries));
    deliveries
}

fn delivery(row: &RuleRow, further: &Named<'_>) -> Result<Delivery, RuleFault> {
    let name = further.name;
    if further.table.is_some_and(|table| !is_table(table)) {
        return Err(RuleFault::new(
            COLUMN,
            format!(
                "{name}={} names no table; write {name}=schema.table, or {name} alone for the rule's own",
                further.table.unwrap_or_default()
            ),
        ));
    }
    let warehouse = match name {
        OWN => None,
        _ => Some(warehouse(&known(row, name)?.row)?),
    };
    Ok(Delivery {
        target: name.to_owned(),
        warehouse,
        table: row.delivered_to(name).as_ref().and_then(table_of),
    })
}

fn known<'a>(row: &'a RuleRow, name: &str) -> Result<&'a KnownTarget, RuleFault> {
    let Some(known) = row.known(name) else {
        let names = row
            .known_targets
            .iter()
            .map(|known| known.row.target_name.as_str());
        let problem = near::unknown("target", name, names.chain([OWN]));
        return Err(RuleFault::new(COLUMN, problem));
    };
    if !known.is_active {
        return Err(RuleFault::new(
            COLUMN,
            format!(
                "target {name} is switched off (oprtnl_flag of ext_target), and the rule's files would never reach it; switch it \
                 on, or take it out of {COLUMN}"
            ),
        ));
    }
    Ok(known)
}

fn is_table(text: &str) -> bool {
    let parts = text.split_once('.');
    parts.is_some_and(|(schema, table)| !schema.is_empty() && !table.is_empty() && !table.contains('.'))
}

fn twice(row: &RuleRow, name: &str) -> String {
    match (name == row.own_target(), name) {
        (true, OWN) => {
            "names own, the deployment's own warehouse, which the rule's files go to anyhow; leave it out"
                .to_owned()
        }
        (true, _) => format!("names {name}, which is the rule's own target already; leave it out"),
        (false, _) => format!("names {name} twice; a file is delivered to a target once"),
    }
}

fn table_of(row: &RuleRow) -> Option<TableName> {
    let (schema, table) = non_blank(&row.tgt_schema_name).zip(non_blank(&row.tgt_table_name))?;
    Some(TableName { schema, table })
}

/// Two names of one place: the rows would come twice.
fn same_table(deliveries: &[Delivery]) -> Option<RuleFault> {
    let place = |delivery: &Delivery| {
        let warehouse = delivery.warehouse.as_ref();
        let place = warehouse.map(|warehouse| (warehouse.compute.clone(), warehouse.database.clone()));
        (place, delivery.table.clone())
    };
    let places: Vec<_> = deliveries.iter().map(place).collect();
    let (index, first) = places.iter().enumerate().find_map(|(index, found)| {
        let first = places[..index].iter().position(|earlier| earlier == found)?;
        Some((index, first))
    })?;
    Some(RuleFault::new(
        COLUMN,
        same_place(&deliveries[first], &deliveries[index]),
    ))
}

/// Why two targets that turn out to be one cannot both be a rule's.
pub fn same_place(one: &Delivery, other: &Delivery) -> String {
    format!(
        "{} and {} are the same table of the same warehouse, so every row would come twice; leave one out, or name another \
         table: {}=schema.table",
        one.target, other.target, other.target
    )
}

/// What a rule with further targets cannot be.
pub(super) fn check(rule: &FileRule, faults: &mut Collector) {
    if rule.deliveries.is_empty() {
        return;
    }
    if rule.group.is_some() {
        faults.add(
            COLUMN,
            "is set, and the rule belongs to a group, whose files go through one transaction; that is of one warehouse. Write \
             NULL to one of further_targets and load_group",
        );
    }
    if rule.split.is_some() {
        faults.add(
            COLUMN,
            "is set, and split_file_flag is Y: the records of each type go where the rule of the type says, which is one \
             warehouse; leave it empty",
        );
    }
    if matches!(rule.matcher, Matcher::Snapshot(_)) {
        faults.add(COLUMN, ONE_TABLE);
    }
}

/// Why the rule of a part cannot have several targets.
pub fn of_a_part(rule: &FileRule) -> Option<RuleFault> {
    (!rule.deliveries.is_empty()).then(|| {
        RuleFault::new(
            COLUMN,
            "is set, and the rule takes a part of a file that is cut: parts go to one warehouse; leave it empty",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::row as txt_row;
    use super::*;

    fn target(name: &str, cluster: &str, is_active: bool) -> KnownTarget {
        KnownTarget {
            row: TargetRow {
                target_name: name.to_owned(),
                cluster_identifier: Some(cluster.to_owned()),
                database_name: "mart".to_owned(),
                iam_role: "default".to_owned(),
                region: "eu-central-1".to_owned(),
                ..TargetRow::default()
            },
            is_active,
        }
    }

    fn row(further: &str) -> RuleRow {
        RuleRow {
            further_targets: Some(further.to_owned()),
            known_targets: vec![
                target("analytics", "a", true),
                target("finance", "f", true),
                target("old", "o", false),
                target("twin", "a", true),
            ],
            ..txt_row()
        }
    }

    fn problems(row: &RuleRow) -> Vec<String> {
        match FileRule::from_row(row) {
            Ok(_) => vec![],
            Err(faults) => faults.faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_rule_without_further_targets_has_no_deliveries() {
        for text in [None, Some(String::new()), Some(" ".to_owned())] {
            let row = RuleRow {
                further_targets: text,
                ..txt_row()
            };
            assert!(FileRule::from_row(&row).unwrap().deliveries.is_empty());
        }
    }

    #[test]
    fn its_own_target_comes_first_and_each_has_its_table() {
        let rule = FileRule::from_row(&row(" analytics , finance=mart.price ")).unwrap();
        let said: Vec<_> = rule
            .deliveries
            .iter()
            .map(|delivery| {
                let table = delivery.table.as_ref().unwrap();
                format!("{} {} {}", delivery.target, delivery.warehouse.is_some(), table)
            })
            .collect();
        let own = rule.table.unwrap();
        assert_eq!(
            said,
            [
                format!("own false {own}"),
                format!("analytics true {own}"),
                "finance true mart.price".to_owned()
            ]
        );
    }

    #[test]
    fn a_delivery_has_a_rule_with_one_target() {
        let row = row("analytics, finance=mart.price");
        let finance = row.delivered_to("finance").unwrap();
        let rule = FileRule::from_row(&finance).unwrap();
        assert!(rule.deliveries.is_empty());
        assert_eq!(rule.table.unwrap().to_string(), "mart.price");
        assert_eq!(rule.warehouse.unwrap().to_string(), "cluster f/mart");
        let own = FileRule::from_row(&row.delivered_to(OWN).unwrap()).unwrap();
        assert_eq!((own.warehouse, own.deliveries.len()), (None, 0));
        assert!(row.delivered_to("old").is_none());
    }

    #[test]
    fn of_a_rule_with_a_target_the_deployments_warehouse_may_be_a_further_one() {
        let row = RuleRow {
            target: Some(target("finance", "f", true).row),
            ..row("own, analytics")
        };
        let rule = FileRule::from_row(&row).unwrap();
        let names: Vec<_> = rule
            .deliveries
            .iter()
            .map(|delivery| delivery.target.as_str())
            .collect();
        assert_eq!(names, ["finance", "own", "analytics"]);
        assert_eq!(row.delivered_to(OWN).unwrap().target, None);
    }

    #[test]
    fn what_is_kept_with_a_file_has_the_targets_that_it_goes_to() {
        let kept = row("finance").with_its_targets();
        let names: Vec<_> = kept
            .known_targets
            .iter()
            .map(|known| &known.row.target_name)
            .collect();
        assert_eq!(names, ["finance"]);
    }

    #[test]
    fn every_fault_is_named_with_what_would_be_right() {
        assert_eq!(
            problems(&row("analitics")),
            ["further_targets: \"analitics\" is no target; did you mean analytics?"]
        );
        assert!(problems(&row("old"))[0].contains("target old is switched off"));
        assert!(problems(&row("finance, finance"))[0].contains("names finance twice"));
        assert!(problems(&row("own"))[0].contains("which the rule's files go to anyhow"));
        assert!(problems(&row("finance=price"))[0].contains("write finance=schema.table"));
        assert!(problems(&row("analytics, twin"))[0].contains("analytics and twin are the same table"));
        assert_eq!(problems(&row("analytics, twin=mart.price")), Vec::<String>::new());
    }

    #[test]
    fn a_target_with_a_cluster_and_a_workgroup_is_a_fault_of_the_rule() {
        let mut row = row("finance");
        row.known_targets[1].row.workgroup_name = Some("w".to_owned());
        assert!(problems(&row)[0].contains("target finance names both or neither"));
    }

    #[test]
    fn what_cannot_go_to_several_warehouses_is_refused() {
        let grouped = RuleRow {
            load_group: Some("sales".to_owned()),
            group_files: Some(1),
            ..row("finance")
        };
        assert!(problems(&grouped)[0].contains("the rule belongs to a group"));
        let cut = RuleRow {
            split_file_flag: "Y".to_owned(),
            split_prefix: Some("HD,DT".to_owned()),
            ..row("finance")
        };
        assert!(problems(&cut)[0].contains("split_file_flag is Y"));
    }
}

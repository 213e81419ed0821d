//! The warehouse of a bulk load as a row of `ext_target`: found among those that are there, or a new one.

use longshore_domain::target::{Compute, Login, Warehouse};
use longshore_store::{Record, RuleBook, Sheet};

use crate::rules::draft::{Entry, Field};
use crate::rules::export::is_active;

/// Where the rows of a bulk load go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BulkTarget {
    /// Into the deployment's own warehouse.
    #[default]
    Own,
    /// Into the one with this number in `ext_target`.
    Numbered(i32),
    /// Into this one, which gets a number if it has none yet.
    At(Box<Warehouse>),
}

/// A target as a rule names it.
pub(super) struct Placed {
    pub(super) number: Option<i32>,
    /// The row, where there is none yet.
    pub(super) new: Option<Entry>,
}

impl BulkTarget {
    /// Among the targets that were seen.
    pub(super) fn place(&self, own: &Warehouse, seen: &RuleBook) -> Placed {
        let there = |number| Placed { number, new: None };
        match self {
            Self::Own => there(None),
            Self::Numbered(number) => there(Some(*number)),
            Self::At(warehouse) if **warehouse == *own => there(None),
            Self::At(warehouse) => {
                let wanted = fields(warehouse);
                let is_it = |record: &&Record| is_active(record) && says(record, &wanted);
                match seen.targets.iter().find(is_it).and_then(number) {
                    Some(number) => there(Some(number)),
                    None => new_one(warehouse, wanted, seen),
                }
            }
        }
    }
}

fn new_one(warehouse: &Warehouse, mut wanted: Vec<(&'static str, String)>, seen: &RuleBook) -> Placed {
    let next = seen.targets.iter().filter_map(number).max().unwrap_or_default() + 1;
    let (Compute::Cluster(place) | Compute::Workgroup(place)) = &warehouse.compute;
    let name = format!("{place}/{}", warehouse.database);
    let is_taken = |record: &Record| record.get("target_name") == Some(&name);
    wanted.push(match seen.targets.iter().any(is_taken) {
        true => ("target_name", format!("{name} ({next})")),
        false => ("target_name", name),
    });
    wanted.push(("ext_target_sid", next.to_string()));
    let fields = wanted.into_iter().map(|(name, text)| {
        let text = Some(text);
        (name.to_owned(), Field { line: 0, text })
    });
    let entry = Entry {
        fields: fields.collect(),
        ..Entry::default()
    };
    Placed {
        number: Some(next),
        new: Some(entry),
    }
}

/// What tells one warehouse from another.
const TELLING: [&str; 7] = [
    "cluster_identifier",
    "workgroup_name",
    "database_name",
    "secret_arn",
    "database_user",
    "iam_role",
    "region",
];

fn fields(warehouse: &Warehouse) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("database_name", warehouse.database.clone()),
        ("iam_role", warehouse.iam_role.clone()),
        ("region", warehouse.region.clone()),
    ];
    fields.push(match &warehouse.compute {
        Compute::Cluster(identifier) => ("cluster_identifier", identifier.clone()),
        Compute::Workgroup(name) => ("workgroup_name", name.clone()),
    });
    match &warehouse.login {
        Login::Secret(secret) => fields.push(("secret_arn", secret.clone())),
        Login::DatabaseUser(user) => fields.push(("database_user", user.clone())),
        Login::CallerIdentity => {}
    }
    fields
}

fn says(record: &Record, wanted: &[(&str, String)]) -> bool {
    TELLING.iter().all(|field| {
        let wanted = wanted.iter().find(|(name, _)| name == field);
        record.get(*field) == wanted.map(|(_, text)| text)
    })
}

fn number(record: &Record) -> Option<i32> {
    record.get(Sheet::Target.key())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warehouse(role: &str) -> Warehouse {
        Warehouse {
            compute: Compute::Cluster("c".to_owned()),
            database: "dev".to_owned(),
            login: Login::CallerIdentity,
            iam_role: role.to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn seen(fields: &[(&str, &str)]) -> RuleBook {
        let fields = fields
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        RuleBook {
            targets: vec![fields.collect()],
            ..RuleBook::default()
        }
    }

    const THERE: [(&str, &str); 7] = [
        ("ext_target_sid", "4"),
        ("target_name", "c/dev"),
        ("cluster_identifier", "c"),
        ("database_name", "dev"),
        ("iam_role", "a"),
        ("region", "eu-west-1"),
        ("oprtnl_flag", "A"),
    ];

    #[test]
    fn the_deployments_own_warehouse_has_no_number() {
        let placed = BulkTarget::At(warehouse("a").into()).place(&warehouse("a"), &seen(&THERE));
        assert!(placed.number.is_none() && placed.new.is_none());
    }

    #[test]
    fn one_that_is_there_is_found_by_all_that_tells_it_from_others() {
        let own = warehouse("own");
        let placed = BulkTarget::At(warehouse("a").into()).place(&own, &seen(&THERE));
        assert_eq!((placed.number, placed.new.is_none()), (Some(4), true));
        let mut with_a_user = THERE.to_vec();
        with_a_user.push(("database_user", "ann"));
        let placed = BulkTarget::At(warehouse("a").into()).place(&own, &seen(&with_a_user));
        assert_eq!(placed.number, Some(5));
    }

    #[test]
    fn one_of_another_role_gets_a_number_and_a_name_of_its_own() {
        let placed = BulkTarget::At(warehouse("b").into()).place(&warehouse("own"), &seen(&THERE));
        let fields = placed.new.expect("a new one").fields;
        let said = |name: &str| fields[name].text.clone().unwrap_or_default();
        assert_eq!(
            [said("ext_target_sid"), said("target_name"), said("iam_role")],
            ["5", "c/dev (5)", "b"]
        );
    }
}

//! The control database: reachable, recent enough, migrated, of the same time, with rules that are sound.

use chrono::{DateTime, Utc};
use longshore_app::with_causes;
use longshore_domain::rule::{FileRule, RuleRow, ScheduledSnapshots};
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::{self, AwsClients};
use longshore_store::{DatabaseStanding, Store, StoreError};

use super::finding::Finding;
use super::work;
use crate::exit::causes;

const DATABASE: &str = "control database";
const MIGRATIONS: &str = "migrations";
const CLOCK: &str = "clock";
const RULES: &str = "rules";
const LATE_FILES: &str = "late files";
const OLDEST_SERVER: i32 = 150_000;
/// Signatures of AWS calls are refused at 300 s; leases are judged by both clocks.
const MOST_SECONDS_APART: i64 = 30;

/// What was found, and the rules, where they could be read.
pub(super) async fn examine(settings: &Settings, clients: &AwsClients) -> (Vec<Finding>, Vec<RuleRow>) {
    let store = match wiring::connect_store(settings, &clients.secrets).await {
        Ok(store) => store,
        Err(error) => {
            let mend = "mend the certificates that LONGSHORE_DATABASE_CA_FILE names";
            return (vec![Finding::fault(DATABASE, causes(&error), mend)], Vec::new());
        }
    };
    match store.standing().await {
        Ok(standing) => {
            let mut findings = vec![
                server(&standing),
                migrations(&standing),
                clock("the control database", standing.now, Utc::now()),
            ];
            let (found, rules) = rules(&store).await;
            findings.extend(found);
            findings.extend(late_files(&store).await);
            findings.extend(work::examine(&store).await);
            (findings, rules)
        }
        Err(error @ StoreError::SchemaMissing { .. }) => (
            vec![Finding::fault(
                MIGRATIONS,
                with_causes(&error),
                "longshore migrate",
            )],
            Vec::new(),
        ),
        Err(error) => {
            let mend = "check that the database runs, that its security group lets this machine in, and the secret's user and password";
            (
                vec![Finding::fault(DATABASE, with_causes(&error), mend)],
                Vec::new(),
            )
        }
    }
}

fn server(standing: &DatabaseStanding) -> Finding {
    let version = standing.server_version;
    let seen = format!("PostgreSQL {}.{}", version / 10_000, version % 10_000);
    if version < OLDEST_SERVER {
        return Finding::fault(DATABASE, seen, "upgrade it to PostgreSQL 15 or newer");
    }
    Finding::sound(DATABASE, seen)
}

fn migrations(standing: &DatabaseStanding) -> Finding {
    let newest = standing.newest_migration;
    match standing.migration {
        Some(applied) if applied == newest => Finding::sound(MIGRATIONS, format!("all {newest} are applied")),
        Some(applied) if applied > newest => Finding::fault(
            MIGRATIONS,
            format!("{applied} are applied, this program knows {newest}"),
            "use the longshore of the release that is deployed",
        ),
        applied => Finding::fault(
            MIGRATIONS,
            format!("{} of {newest} are applied", applied.unwrap_or_default()),
            "longshore migrate",
        ),
    }
}

/// Whether this machine's clock and another one agree.
pub(super) fn clock(whose: &str, theirs: DateTime<Utc>, ours: DateTime<Utc>) -> Finding {
    let apart = (theirs - ours).num_seconds();
    if apart.abs() <= MOST_SECONDS_APART {
        return Finding::sound(CLOCK, format!("this machine's and that of {whose} agree"));
    }
    let direction = if apart > 0 { "behind" } else { "ahead of" };
    Finding::fault(
        CLOCK,
        format!("this machine is {} s {direction} {whose}", apart.abs()),
        "set this machine's clock: chronyc makestep",
    )
}

async fn rules(store: &Store) -> (Vec<Finding>, Vec<RuleRow>) {
    let rows = match store.all_rules().await {
        Ok(rows) => rows,
        Err(error) => {
            let finding = Finding::fault(RULES, with_causes(&error), "longshore migrate");
            return (vec![finding], Vec::new());
        }
    };
    let faults = rows
        .iter()
        .filter_map(|row| match ScheduledSnapshots::from_row(row) {
            Some(read) => read.err(),
            None => FileRule::from_row(row).err(),
        });
    let mut findings: Vec<_> = faults
        .map(|fault| {
            Finding::fault(
                RULES,
                fault.to_string(),
                format!("longshore rule edit {} FIELD=VALUE --why TEXT", fault.rule),
            )
        })
        .collect();
    if rows.is_empty() {
        findings.push(Finding::notice(
            RULES,
            "there is none, so every file is rejected",
            "have one proposed for a sample of the files: longshore rule infer FILE (docs/rules.md)",
        ));
    } else if findings.is_empty() {
        findings.push(Finding::sound(RULES, format!("{} are in operation", rows.len())));
    }
    (findings, rows)
}

/// A file that is late keeps no other from being loaded, and whoever looks should know.
async fn late_files(store: &Store) -> Option<Finding> {
    match store.vitals(Utc::now()).await {
        Ok(vitals) if vitals.late_periods > 0 => Some(Finding::notice(
            LATE_FILES,
            format!(
                "times without the files that were expected: {}",
                vitals.late_periods
            ),
            "ask the sender; which they are: longshore late list",
        )),
        Ok(_) => None,
        Err(error) => Some(Finding::fault(
            LATE_FILES,
            with_causes(&error),
            "longshore migrate",
        )),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::finding::Verdict;
    use super::*;

    fn standing(server_version: i32, migration: Option<u32>) -> DatabaseStanding {
        DatabaseStanding {
            server_version,
            now: Utc::now(),
            migration,
            newest_migration: 10,
        }
    }

    #[test]
    fn an_old_server_is_a_fault() {
        assert_eq!(server(&standing(150_004, None)).seen, "PostgreSQL 15.4");
        assert_eq!(server(&standing(140_011, None)).verdict, Verdict::Fault);
    }

    #[test]
    fn migrations_are_all_there_or_named() {
        assert_eq!(migrations(&standing(0, Some(10))).verdict, Verdict::Sound);
        let missing = migrations(&standing(0, Some(8)));
        assert_eq!(
            (missing.seen.as_str(), missing.mend.as_deref()),
            ("8 of 10 are applied", Some("longshore migrate"))
        );
        assert_eq!(migrations(&standing(0, None)).seen, "0 of 10 are applied");
        assert!(
            migrations(&standing(0, Some(11)))
                .mend
                .unwrap()
                .contains("release")
        );
    }

    #[test]
    fn clocks_that_are_apart_are_told_with_the_direction() {
        let now = Utc::now();
        assert_eq!(clock("the control database", now, now).verdict, Verdict::Sound);
        assert!(
            clock("the control database", now + TimeDelta::seconds(90), now)
                .seen
                .contains("90 s behind")
        );
        assert!(
            clock("the control database", now - TimeDelta::seconds(90), now)
                .seen
                .contains("90 s ahead of")
        );
    }
}

//! The two secrets: there, readable, in shape.

use longshore_app::with_causes;
use longshore_domain::target::Warehouse;
use longshore_runtime::settings::Settings;
use longshore_runtime::wiring::{self, AwsClients};
use longshore_store::EncryptionSecret;

use super::finding::Finding;
use crate::exit::causes;

const CONTROL: &str = "control database's secret";
const LOGIN_SHAPE: &str = r#"{"username": "…", "password": "…"}"#;
const WAREHOUSE: &str = "warehouse's secret";

/// The control database's secret.
pub(super) async fn control(settings: &Settings, clients: &AwsClients) -> Finding {
    let id = &settings.secret_postgres;
    match wiring::find_database(settings, &clients.secrets).await {
        Ok(database) => Finding::sound(
            CONTROL,
            format!("{id}: {}:{}/{}", database.host, database.port, database.name),
        ),
        Err(error) => Finding::fault(
            CONTROL,
            causes(&error),
            mend(
                id,
                r#"{"host": "…", "port": 5432, "username": "…", "password": "…", "dbname": "…"}"#,
            ),
        ),
    }
}

/// The warehouse's secret, and the warehouse that it and the settings name.
pub(super) async fn warehouse(settings: &Settings, clients: &AwsClients) -> (Finding, Option<Warehouse>) {
    let id = &settings.secret_redshift;
    match wiring::find_warehouse(settings, &clients.secrets).await {
        Ok(warehouse) => (
            Finding::sound(WAREHOUSE, format!("{id}: {warehouse}")),
            Some(warehouse),
        ),
        Err(error) => {
            let shape = r#"{"dbClusterIdentifier": "…", "database": "…", "username": "…", "password": "…"}"#;
            (Finding::fault(WAREHOUSE, causes(&error), mend(id, shape)), None)
        }
    }
}

/// A target's secret.
pub(super) async fn of_target(target: &str, id: &str, clients: &AwsClients) -> Finding {
    let check = format!("secret of target {target}");
    match clients.secrets.redshift(id).await {
        Ok(secret) if secret.user.is_some() => Finding::sound(check, format!("{id}: it is in shape")),
        Ok(_) => Finding::fault(check, format!("{id}: it names no user"), mend(id, LOGIN_SHAPE)),
        Err(error) => Finding::fault(check, with_causes(&error), mend(id, LOGIN_SHAPE)),
    }
}

/// The secret with the key of encrypted files.
pub(super) async fn of_rules(named: &EncryptionSecret, clients: &AwsClients) -> Finding {
    let others = match named.rules - 1 {
        0 => String::new(),
        1 => " and one more".to_owned(),
        more => format!(" and {more} more"),
    };
    let check = format!("encryption_secret of rule {}{others}", named.first_rule);
    match clients.secrets.encryption_key(&named.id).await {
        Ok(_) => Finding::sound(check, format!("{}: it is in shape", named.id)),
        Err(error) => Finding::fault(
            check,
            with_causes(&error),
            mend(&named.id, r#"{"master_symmetric_key": "…"}"#),
        ),
    }
}

fn mend(id: &str, shape: &str) -> String {
    format!(
        "aws sts get-caller-identity (whom the call comes from); aws secretsmanager put-secret-value --secret-id {id} --secret-string '{shape}'"
    )
}

//! The key of encrypted files: it is put into the COPY that is handed over, and into nothing else.
//!
//! From here on the Data API has it, as COPY gives no other way. Nothing that comes back may hold it: what the service says
//! about such a statement is looked through before anybody is told.

use longshore_app::ports::{Sealed, Submission, SubmissionSql, WarehouseError};
use longshore_app::with_causes;
use longshore_domain::disposition::Disposition;
use longshore_domain::fault::WarehouseFault;

use crate::secrets::{Password, Secrets, SecretsError};

/// What stands for a key in texts.
const HIDDEN: &str = "(not shown)";
/// The word after which a key stands in SQL.
const KEY_WORD: &str = "master_symmetric_key";

/// A submission with its key in place. Without `Debug`, so that nobody prints it.
pub(super) struct Unsealed {
    pub(super) sql: SubmissionSql,
    key: Option<Password>,
}

impl Unsealed {
    /// Puts the key in, if there is one to put in.
    pub(super) async fn of(
        secrets: Option<&Secrets>,
        submission: &Submission,
    ) -> Result<Self, WarehouseError> {
        let sql = submission.sql.clone();
        let Some(sealed) = &submission.sealed else {
            return Ok(Self { sql, key: None });
        };
        let secrets = secrets.ok_or_else(|| misplaced("this process reads no keys"))?;
        let key = secrets
            .encryption_key(&sealed.secret_id)
            .await
            .map_err(unavailable)?;
        Ok(Self {
            sql: put_in(sql, sealed, key.expose())?,
            key: Some(key),
        })
    }

    /// An error of the call, without the key should the service repeat it.
    pub(super) fn without_key(&self, error: WarehouseError) -> WarehouseError {
        let Some(key) = &self.key else { return error };
        let said = with_causes(&error);
        if !said.contains(key.expose()) {
            return error;
        }
        let source = said.replace(key.expose(), HIDDEN).into();
        WarehouseError::KeyUnavailable {
            fault: error.fault(),
            source,
        }
    }
}

fn put_in(sql: SubmissionSql, sealed: &Sealed, key: &str) -> Result<SubmissionSql, WarehouseError> {
    let SubmissionSql::Transaction(mut statements) = sql else {
        return Err(misplaced("a statement on its own takes no key"));
    };
    let statement = statements
        .get_mut(sealed.statement)
        .filter(|statement| statement.matches(sealed.placeholder).count() == 1)
        .ok_or_else(|| misplaced("its place is not in the statement"))?;
    // 44 letters and digits of base64: nothing to quote.
    *statement = statement.replace(sealed.placeholder, &format!("MASTER_SYMMETRIC_KEY '{key}'"));
    Ok(SubmissionSql::Transaction(statements))
}

fn misplaced(why: &'static str) -> WarehouseError {
    WarehouseError::KeyUnavailable {
        fault: WarehouseFault::Unknown,
        source: why.into(),
    }
}

/// One rule's key is no reason to pause a warehouse: what trying again does not mend fails the load.
fn unavailable(error: SecretsError) -> WarehouseError {
    let fault = match error.disposition() {
        Disposition::Retry => WarehouseFault::Transient,
        Disposition::Reject | Disposition::Misconfigured | Disposition::Bug => WarehouseFault::Unknown,
    };
    WarehouseError::KeyUnavailable {
        fault,
        source: error.into(),
    }
}

/// What the warehouse says of a statement, without any key that it repeats.
pub(super) fn without_keys(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.to_ascii_lowercase().find(KEY_WORD) {
        let (before, after) = rest.split_at(place + KEY_WORD.len());
        said.push_str(before);
        rest = after;
        // As far as the key's closing quote, or the end where it was cut off.
        if let Some((lead, quoted)) = after.split_once('\'')
            && lead
                .split_whitespace()
                .all(|word| word.eq_ignore_ascii_case("as"))
        {
            said.push_str(lead);
            said.push_str(HIDDEN);
            rest = quoted.split_once('\'').map_or("", |(_, rest)| rest);
        }
    }
    said.push_str(rest);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDER: &str = "MASTER_SYMMETRIC_KEY '{the key}'";

    fn sealed(statement: usize) -> Sealed {
        Sealed {
            secret_id: "partner".to_owned(),
            statement,
            placeholder: PLACEHOLDER,
        }
    }

    #[test]
    fn a_key_goes_into_its_own_statement_and_into_no_other() {
        let copy = format!("COPY t ENCRYPTED {PLACEHOLDER} CSV");
        let own = format!("INSERT INTO t VALUES ('{PLACEHOLDER}')");
        let sql = SubmissionSql::Transaction(vec![own.clone(), copy]);
        let with_key = put_in(sql.clone(), &sealed(1), "k").expect("it has its place");
        let expected = "COPY t ENCRYPTED MASTER_SYMMETRIC_KEY 'k' CSV".to_owned();
        assert_eq!(with_key, SubmissionSql::Transaction(vec![own, expected]));
        assert!(
            put_in(sql, &sealed(2), "k").is_err(),
            "there is no such statement"
        );
        let none = SubmissionSql::Transaction(vec!["COPY t".to_owned()]);
        assert!(put_in(none, &sealed(0), "k").is_err(), "a key without a place");
    }

    #[test]
    fn what_the_warehouse_repeats_is_told_without_the_key() {
        let said = without_keys(
            "syntax error near \"Master_Symmetric_Key AS 'c2VzYW1l' CSV\", master_symmetric_key 'c2Vz",
        );
        assert_eq!(
            said,
            "syntax error near \"Master_Symmetric_Key AS (not shown) CSV\", master_symmetric_key (not shown)"
        );
        assert_eq!(
            without_keys("Invalid master_symmetric_key"),
            "Invalid master_symmetric_key"
        );
        assert_eq!(without_keys("it's 'so'"), "it's 'so'");
    }
}

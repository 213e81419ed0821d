//! The follow-up: a rule's own SQL, which is sent as it stands.

use crate::split::split_statements;
use crate::transaction::{MAX_STATEMENT_BYTES, TransactionError};

/// Says why the Data API would never run a follow-up, so that its rule is refused before a file is loaded and not after.
///
/// A semicolon at the end is no second statement. What the SQL does is the operator's own affair.
///
/// # Errors
/// [`TransactionError::FollowUpTooLong`] and [`TransactionError::FollowUpNotOneStatement`].
pub fn check_follow_up(sql: &str) -> Result<(), TransactionError> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(TransactionError::FollowUpTooLong { bytes: sql.len() });
    }
    match count_statements(sql) {
        1 => Ok(()),
        statements => Err(TransactionError::FollowUpNotOneStatement { statements }),
    }
}

/// How many statements a text holds, for the Data API, which runs one at a time. Whether a backslash within quotes is an escape is the
/// warehouse's to say; where the readings differ, the fewer count, and the warehouse refuses the rest.
pub fn count_statements(sql: &str) -> usize {
    let as_escapes = sql.replace(r"\'", "''");
    split_statements(sql)
        .len()
        .min(split_statements(&as_escapes).len())
}

/// Whether a follow-up calls a procedure, which may commit on its way, while any other statement leaves nothing when it fails.
pub fn is_call(sql: &str) -> bool {
    let statements = split_statements(sql);
    let first = statements
        .first()
        .and_then(|statement| statement.split_whitespace().next());
    first.is_some_and(|word| word.eq_ignore_ascii_case("call"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "call rdsftorchestration.execute_sql_from_table('rdsftcore', 'shipment', '2020-01-01', '2100-01-01');"
    )]
    #[case("UPDATE a SET b = ';' -- c; d")]
    #[case("/* one; two */ DELETE FROM a ; \n")]
    #[case(r"UPDATE a SET b = 'it\'s; done'")]
    #[case(r"UPDATE a SET b = '\'")]
    fn one_statement_may_follow(#[case] sql: &str) {
        assert_eq!(check_follow_up(sql), Ok(()));
    }

    #[rstest]
    #[case("", 0)]
    #[case(" ;\n-- DELETE FROM a\n", 0)]
    #[case("DELETE FROM a; DELETE FROM b", 2)]
    fn none_or_several_may_not(#[case] sql: &str, #[case] statements: usize) {
        let refused = TransactionError::FollowUpNotOneStatement { statements };
        assert_eq!(check_follow_up(sql), Err(refused));
    }

    #[rstest]
    #[case(" -- nightly\n CALL s.p()", true)]
    #[case("call\ts.p()", true)]
    #[case("INSERT INTO calls SELECT 1", false)]
    #[case("/* call */ DELETE FROM a", false)]
    fn a_call_is_told_from_what_leaves_nothing_when_it_fails(#[case] sql: &str, #[case] expected: bool) {
        assert_eq!(is_call(sql), expected);
    }

    #[test]
    fn the_data_api_s_limit_is_met_and_not_passed() {
        let longest = format!("CALL a('{}')", "x".repeat(MAX_STATEMENT_BYTES - 10));
        assert_eq!(longest.len(), MAX_STATEMENT_BYTES);
        assert_eq!(check_follow_up(&longest), Ok(()));
        let refused = check_follow_up(&format!("{longest} ")).unwrap_err();
        insta::assert_snapshot!(refused, @"the follow-up has 100001 bytes, and the Data API takes 100000; put it into a procedure and call that");
    }
}

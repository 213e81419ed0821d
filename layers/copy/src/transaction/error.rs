//! Why a transaction cannot be sent.

use longshore_domain::statement::LoadStep;

use super::{MAX_STATEMENT_BYTES, MAX_STATEMENTS};
use crate::identifier::IdentifierError;
use crate::literal::LiteralError;

/// Why a load transaction or what follows it cannot be sent. None of them passes by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// A name that no table or column can have.
    #[error("the {part} {name:?} cannot be named in SQL")]
    NotAName {
        /// What the name is for.
        part: &'static str,
        /// The name.
        name: String,
        /// Why not.
        #[source]
        source: IdentifierError,
    },
    /// A text that cannot stand in SQL.
    #[error("the {part} cannot be written in SQL")]
    NotAText {
        /// What the text is.
        part: &'static str,
        /// Why not.
        #[source]
        source: LiteralError,
    },
    /// A placeholder that the key does not fill.
    #[error("the {column} has the placeholder {{{placeholder}}}, which the key does not give")]
    NotInTheKey {
        /// The rule's column that it stands in.
        column: &'static str,
        /// Its name.
        placeholder: String,
    },
    /// Rows are to be replaced, and the target has no column that tells them apart.
    #[error("rows can only be replaced in a table with a load_id_column")]
    NothingToFindRowsBy,
    /// Files of a set that go into one table by more than one COPY, where each would delete what the one before it brought.
    #[error(
        "the set's files of table {table} differ in how they are read (a rule that was changed meanwhile, a header in another \
         order, other values of the key), and load_mode {mode} deletes rows: each would delete what the other brought"
    )]
    WouldDeleteEachOther {
        /// The table.
        table: String,
        /// The mode.
        mode: &'static str,
    },
    /// Rows are to be merged, and no column is listed to compare them by.
    #[error("rows can only be merged under a rule that lists the columns of its files")]
    NothingToMergeBy,
    /// A statement beyond what the Data API takes.
    #[error(
        "the {step} statement has {bytes} bytes, and the Data API takes {MAX_STATEMENT_BYTES}; list fewer columns, or write \
         less in pre_sql and post_sql"
    )]
    StatementTooLong {
        /// Which one.
        step: LoadStep,
        /// How long it is.
        bytes: usize,
    },
    /// More statements than the Data API takes as one transaction.
    #[error(
        "the transaction has {statements} statements, and the Data API takes {MAX_STATEMENTS}; write less in pre_sql and \
         post_sql, or fewer rules in one group"
    )]
    TooManyStatements {
        /// How many it has.
        statements: usize,
    },
    /// A follow-up beyond what the Data API takes.
    #[error(
        "the follow-up has {bytes} bytes, and the Data API takes {MAX_STATEMENT_BYTES}; put it into a procedure and call that"
    )]
    FollowUpTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A follow-up of nothing but blanks and comments, or of more than one statement.
    #[error(
        "the follow-up holds {statements} statements, and the Data API runs one; leave it NULL or put them into a procedure and call that"
    )]
    FollowUpNotOneStatement {
        /// How many it holds.
        statements: usize,
    },
}

//! SQL as Redshift speaks it: tokens, what kind of statement it is, and the text for PostgreSQL.

mod affected;
mod classify;
mod cursor;
mod expression;
mod foreign;
mod handler;
mod heritage;
mod leading_locks;
mod listagg;
mod quoted_name;
mod redact;
mod rewrite;
mod routine;
mod table;
mod text_edit;
mod token;

pub(crate) use affected::affected_table;
pub(crate) use classify::{Classified, StatementKind, classify};
pub(crate) use cursor::Cursor;
pub(crate) use heritage::{Heritage, heritage};
pub(crate) use quoted_name::fold_quoted_names;
pub(crate) use redact::without_credentials;
pub(crate) use rewrite::{SETTING_PREFIX, bind_parameters, parameters, rewrite};
pub(crate) use text_edit::{Rewritten, character_position};
pub(crate) use token::{Token, TokenKind, single_statement, string_value, tokenize};

/// Why a text never reaches PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    /// The text is no statement of Redshift.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where it is wrong, as a byte offset into the statement.
        offset: usize,
    },
    /// Redshift has it and this warehouse has not.
    #[error("{feature} is not supported by the local warehouse")]
    Unsupported {
        /// Its name in the manual.
        feature: String,
    },
    /// PostgreSQL has it and Redshift has not.
    #[error("{feature} is not supported by Amazon Redshift")]
    Foreign {
        /// Its name.
        feature: String,
    },
    /// Redshift refuses it where it stands.
    #[error("{message}")]
    Refused {
        /// Redshift's sentence.
        message: String,
    },
}

impl SqlError {
    /// An error at a token, worded as PostgreSQL and Redshift word it.
    pub(crate) fn near(token: Option<&Token<'_>>, end: usize) -> Self {
        match token {
            Some(token) => Self::Syntax {
                message: format!("syntax error at or near \"{}\"", token.text),
                offset: token.start,
            },
            None => Self::Syntax {
                message: "syntax error at end of input".to_owned(),
                offset: end,
            },
        }
    }

    /// A feature that would work here and nowhere else.
    pub(crate) fn foreign(feature: impl Into<String>) -> Self {
        Self::Foreign {
            feature: feature.into(),
        }
    }

    /// A feature that is known and not there.
    pub(crate) fn unsupported(feature: impl Into<String>) -> Self {
        Self::Unsupported {
            feature: feature.into(),
        }
    }
}

//! What DescribeStatement shows of a statement: its text without credentials.

use super::text_edit::Edits;
use super::{Token, TokenKind, tokenize};

/// Words after which COPY and UNLOAD take a credential.
const BEFORE_CREDENTIALS: [&str; 7] = [
    "iam_role",
    "credentials",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "master_symmetric_key",
    "encryption_key",
];

/// The text with every credential blanked, as Redshift answers it.
pub(crate) fn without_credentials(text: &str) -> String {
    let Ok(tokens) = tokenize(text) else {
        // It never runs, so nothing in it was used as a credential.
        return text.to_owned();
    };
    let significant: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut edits = Edits::default();
    for (index, token) in significant.iter().enumerate() {
        if !BEFORE_CREDENTIALS.iter().any(|word| token.is_word(word)) {
            continue;
        }
        let as_word = significant.get(index + 1).is_some_and(|next| next.is_word("as"));
        let literal = significant.get(index + 1 + usize::from(as_word));
        if let Some(literal) = literal.filter(|literal| literal.kind == TokenKind::String) {
            edits.replace(literal.start..literal.end(), "''");
        }
    }
    edits.apply(text).text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_credential_is_blanked() {
        let text = "copy t from 's3://b/k' iam_role 'arn:aws:iam::1:role/r' region 'eu-west-1'";
        assert_eq!(
            without_credentials(text),
            "copy t from 's3://b/k' iam_role '' region 'eu-west-1'"
        );
        let text = "copy t from 's3://b/k' with credentials as 'aws_access_key_id=A' csv";
        assert_eq!(
            without_credentials(text),
            "copy t from 's3://b/k' with credentials as '' csv"
        );
        assert_eq!(without_credentials("select 'iam_role'"), "select 'iam_role'");
    }
}

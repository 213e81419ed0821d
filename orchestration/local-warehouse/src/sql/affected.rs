//! Which table a statement works on, for messages.

use super::{Cursor, tokenize};

/// The first table that a statement names as its target or, without one, as a source.
pub(crate) fn affected_table(text: &str) -> Option<String> {
    let tokens = tokenize(text).ok()?;
    let mut cursor = Cursor::new(&tokens);
    let direct = [
        &["update"][..],
        &["delete", "from"],
        &["delete"],
        &["insert", "into"],
        &["merge", "into"],
        &["copy"],
        &["truncate", "table"],
        &["truncate"],
        &["lock", "table"],
        &["lock"],
    ];
    if direct.iter().any(|words| cursor.accept(words)) {
        return cursor.qualified_name().ok();
    }
    while cursor.peek().is_some() {
        if cursor.accept(&["from"]) {
            return cursor.qualified_name().ok();
        }
        cursor.next();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_statement_is_found() {
        for (text, table) in [
            ("update s.t set a = 1", Some("s.t")),
            ("delete t where a = 1", Some("t")),
            ("merge into \"T\" using s on true", Some("\"T\"")),
            ("select a from t join s on true", Some("t")),
            ("select 1", None),
            ("select 'x", None),
        ] {
            assert_eq!(affected_table(text).as_deref(), table, "{text}");
        }
    }
}

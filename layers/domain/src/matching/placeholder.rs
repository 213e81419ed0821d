//! `{placeholders}` of a rule's texts, and what the key fills them with.

use super::Captures;

/// The names of a text's `{placeholders}`, or what follows a brace that is never closed.
pub fn placeholders(template: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        names.push(name.to_owned());
        rest = tail;
    }
    Ok(names)
}

/// Fills `{name}` placeholders of a text from the captures; the unknown name on failure.
pub fn fill_placeholders(template: &str, captures: &Captures) -> Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        filled.push_str(before);
        // A blank capture would name another table than the operator meant.
        let value = captures.get(name).filter(|value| !value.is_empty());
        filled.push_str(value.ok_or_else(|| name.to_owned())?);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

//! The known name that somebody who wrote an unknown one may have meant.

/// So much of a name may differ: one character in three.
const LIKENESS: usize = 3;

/// Says that a name is unknown, with the nearest known one.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("{name:?} is no {what}; did you mean {near}?"),
        None => {
            let known: Vec<_> = known.into_iter().collect();
            format!("{name:?} is no {what}; there are {}", known.join(", "))
        }
    }
}

fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| distance * LIKENESS <= candidate.chars().count().max(LIKENESS))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["delimiter", "file_prefix", "query"];

    #[test]
    fn a_slip_is_met_with_the_name_that_was_meant() {
        assert_eq!(
            unknown("field", "delimeter", KNOWN),
            "\"delimeter\" is no field; did you mean delimiter?"
        );
        assert_eq!(nearest("FilePrefix", KNOWN), Some("file_prefix"));
    }

    #[test]
    fn what_is_like_nothing_is_met_with_all_names() {
        assert_eq!(
            unknown("field", "colour", KNOWN),
            "\"colour\" is no field; there are delimiter, file_prefix, query"
        );
    }
}

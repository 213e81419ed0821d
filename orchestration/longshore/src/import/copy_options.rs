//! COPY options as older loaders hold them: what our rules have a column for goes there, the rest stays an option.

use super::Imported;

/// Words whose argument is a secret or a right; neither they nor it are carried over.
const CREDENTIALS: [&str; 6] = [
    "CREDENTIALS",
    "IAM_ROLE",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "MASTER_SYMMETRIC_KEY",
];
/// Words with an argument that a column of ours takes.
const OWNED: [(&str, &str); 7] = [
    ("DELIMITER", "delimiter"),
    ("QUOTE", "quote_char"),
    ("DATEFORMAT", "date_format"),
    ("TIMEFORMAT", "time_format"),
    ("NULL", "null_as"),
    ("ENCODING", "encoding"),
    ("REGION", "region"),
];
const FORMATS: [&str; 5] = ["CSV", "JSON", "AVRO", "PARQUET", "ORC"];
const COMPRESSIONS: [&str; 4] = ["GZIP", "BZIP2", "LZOP", "ZSTD"];

/// Puts options into a rule.
pub(super) fn put(text: &str, imported: &mut Imported) {
    let mut words = Words {
        words: words(text),
        next: 0,
    };
    let mut rest = Vec::new();
    while let Some(word) = words.take() {
        if !take(&word, &mut words, imported) {
            rest.push(word);
        }
    }
    if !rest.is_empty() {
        imported.rule.set("copy_options", rest.join(" "));
    }
}

fn take(word: &str, words: &mut Words, imported: &mut Imported) -> bool {
    let upper = word.to_ascii_uppercase();
    if let Some((_, field)) = OWNED.iter().find(|(owned, _)| *owned == upper) {
        if let Some(value) = words.argument() {
            match *field {
                "region" => imported.target.set("region", value),
                field => imported.rule.set(field, value),
            }
        }
    } else if CREDENTIALS.contains(&upper.as_str()) {
        words.argument();
        imported.remark(format!("{upper} of the COPY options is not carried over"));
    } else if COMPRESSIONS.contains(&upper.as_str()) {
        imported.rule.set("compression", upper.to_ascii_lowercase());
    } else if FORMATS.contains(&upper.as_str()) {
        imported.rule.set("file_format", upper.to_ascii_lowercase());
        paths(words, imported);
    } else {
        match upper.as_str() {
            "FORMAT" => words.pass("AS"),
            "REMOVEQUOTES" => imported.rule.set("escape_char", "\""),
            "ESCAPE" => imported.rule.set("escape_char", "\\"),
            "IGNOREHEADER" => header(words.argument(), imported),
            "MANIFEST" => {}
            "ENCRYPTED" => imported.remark(
                "encrypted input: put the key into Secrets Manager, and name the secret in encryption_secret",
            ),
            _ => return false,
        }
    }
    true
}

/// So many records are left out at the start of a file.
fn header(count: Option<String>, imported: &mut Imported) {
    let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or_default();
    if count > 0 {
        imported.rule.set("header_flag", "Y");
    }
    if count > 1 {
        imported.rule.set("header_records", count);
    }
}

/// What may follow JSON and AVRO: where their paths are.
fn paths(words: &mut Words, imported: &mut Imported) {
    words.pass("AS");
    if words.peek().is_some_and(|word| word.starts_with('\'')) {
        imported.rule.set_if("json_paths", words.argument());
    }
}

struct Words {
    words: Vec<String>,
    next: usize,
}

impl Words {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.next).map(String::as_str)
    }

    fn take(&mut self) -> Option<String> {
        let word = self.words.get(self.next).cloned();
        self.next += 1;
        word
    }

    fn pass(&mut self, expected: &str) {
        if self
            .peek()
            .is_some_and(|word| word.eq_ignore_ascii_case(expected))
        {
            self.next += 1;
        }
    }

    /// The next word without its quotes, and without the AS that may stand before it.
    fn argument(&mut self) -> Option<String> {
        self.pass("AS");
        let word = self.take()?;
        let quoted = word
            .strip_prefix('\'')
            .map(|rest| rest.strip_suffix('\'').unwrap_or(rest));
        Some(quoted.map_or(word.clone(), |text| text.replace("''", "'")))
    }
}

/// Words with blanks in between; a quoted text is one word, quotes and all.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut in_quotes = false;
    for character in text.chars() {
        if character == '\'' {
            in_quotes = !in_quotes;
        }
        if character.is_whitespace() && !in_quotes {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(character);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_into_rule(text: &str) -> (String, Vec<String>) {
        let mut imported = Imported::default();
        put(text, &mut imported);
        (imported.rule.yaml(), imported.remarks)
    }

    #[test]
    fn what_a_column_says_goes_there_and_the_rest_stays() {
        let (rule, remarks) = put_into_rule(
            "format as json 's3://b/p.json' gzip dateformat 'auto' null as '\\N' TRUNCATECOLUMNS maxerror 10 IGNOREHEADER 1",
        );
        assert_eq!(
            rule,
            r#"  - file_format: json
    json_paths: "s3://b/p.json"
    compression: gzip
    date_format: auto
    null_as: "\\N"
    header_flag: "Y"
    copy_options: "TRUNCATECOLUMNS maxerror 10"
"#
        );
        assert_eq!(remarks, Vec::<String>::new());
    }

    #[test]
    fn a_header_of_several_records_keeps_its_length() {
        let header = |text| put_into_rule(text).0;
        assert_eq!(
            header("IGNOREHEADER AS 2"),
            "  - header_flag: \"Y\"\n    header_records: 2\n"
        );
        assert_eq!(header("IGNOREHEADER 0"), "");
        assert_eq!(put_into_rule("IGNOREHEADER 2").1, Vec::<String>::new());
    }

    #[test]
    fn credentials_are_not_carried_over() {
        let (rule, remarks) =
            put_into_rule("CREDENTIALS 'aws_access_key_id=AKIA;aws_secret_access_key=sesame' escape");
        assert_eq!(rule, "  - escape_char: \"\\\\\"\n");
        assert_eq!(remarks, ["CREDENTIALS of the COPY options is not carried over"]);
    }
}

//! Combinations that Redshift refuses, refused here first and by the name of the rule's column.

use longshore_domain::rule::{
    Compression, DataFormat, Encoding, Escaping, FieldQuoting, FileRule, InvalidBytes, Paths, RuleColumn,
    RuleFault,
};

use crate::option::CopyOption;
use crate::option_text::ParsedOptions;

const OPTIONS: &str = "copy_options";

/// Every fault of the combination of a rule's columns with its `copy_options`.
pub(crate) fn exclusion_faults(
    rule: &FileRule,
    columns: &[RuleColumn],
    parsed: &ParsedOptions,
) -> Vec<RuleFault> {
    let mut faults = Vec::new();
    owned_words(rule, parsed, &mut faults);
    error_allowances(parsed, &mut faults);
    null_texts(rule, parsed, &mut faults);
    invalid_bytes(rule, parsed, &mut faults);
    match &rule.format {
        DataFormat::Delimited(_) => delimited(rule, &mut faults),
        DataFormat::FixedWidth => fixed_width(rule, columns, &mut faults),
        DataFormat::Json(paths) => {
            self_describing(rule, parsed, &mut faults);
            no_shred(paths, columns, &mut faults);
        }
        DataFormat::Avro(paths) => {
            self_describing(rule, parsed, &mut faults);
            avro_paths(paths, &mut faults);
        }
        DataFormat::Parquet | DataFormat::Orc => columnar(rule, columns, parsed, &mut faults),
    }
    lineage(rule, &mut faults);
    faults
}

/// Words that a column of the rule says. Where the format forbids the word altogether, that is the better answer.
fn owned_words(rule: &FileRule, parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    for (word, column) in &parsed.owned {
        let problem = if is_forbidden(word, &rule.format) {
            format!("{word} cannot stand with {}; take it out", rule.format.name())
        } else {
            format!("{word} is said by the column {column}; take it out here and set {column}")
        };
        faults.push(RuleFault::new(OPTIONS, problem));
    }
}

fn is_forbidden(word: &str, format: &DataFormat) -> bool {
    match format {
        DataFormat::Delimited(delimited) => match delimited.quoting {
            FieldQuoting::Csv { .. } => ["FIXEDWIDTH", "REMOVEQUOTES", "ESCAPE"].contains(&word),
            FieldQuoting::Plain { .. } => ["FIXEDWIDTH", "QUOTE"].contains(&word),
        },
        DataFormat::FixedWidth => ["CSV", "DELIMITER", "ESCAPE", "QUOTE"].contains(&word),
        DataFormat::Json(_) | DataFormat::Avro(_) => [
            "CSV",
            "QUOTE",
            "DELIMITER",
            "ESCAPE",
            "FIXEDWIDTH",
            "REMOVEQUOTES",
        ]
        .contains(&word),
        DataFormat::Parquet | DataFormat::Orc => !["FORMAT", "PARQUET", "ORC"].contains(&word),
    }
}

fn error_allowances(parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    let has = |keyword: &str| parsed.options.iter().any(|option| option.keyword() == keyword);
    if has("MAXERROR") && has("IGNOREALLERRORS") {
        faults.push(RuleFault::new(
            OPTIONS,
            "MAXERROR and IGNOREALLERRORS cannot stand together; keep one",
        ));
    }
}

fn null_texts(rule: &FileRule, parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    let in_options = parsed
        .options
        .iter()
        .any(|option| matches!(option, CopyOption::NullAs(_)));
    if in_options && rule.null_as.is_some() {
        faults.push(RuleFault::new(
            OPTIONS,
            "NULL AS is given though the column null_as is set too; keep one",
        ));
    }
}

fn invalid_bytes(rule: &FileRule, parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    let accepts = parsed
        .options
        .iter()
        .any(|option| matches!(option, CopyOption::AcceptInvalidCharacters(_)));
    if accepts && rule.invalid_bytes == InvalidBytes::Reject {
        faults.push(RuleFault::new(
            "invalid_bytes",
            "is reject, which ACCEPTINVCHARS in copy_options contradicts; write replace or take the option out",
        ));
    }
}

fn delimited(rule: &FileRule, faults: &mut Vec<RuleFault>) {
    let DataFormat::Delimited(delimited) = &rule.format else {
        return;
    };
    let quote = match delimited.quoting {
        FieldQuoting::Csv { quote } => quote,
        FieldQuoting::Plain {
            escaping: Escaping::Backslash,
        } if delimited.delimiter == b'\\' => {
            return faults.push(RuleFault::new(
                "delimiter",
                "is a backslash, which escape_char makes the escape character; it cannot be both",
            ));
        }
        FieldQuoting::Plain { .. } => return,
    };
    if quote == delimited.delimiter {
        faults.push(RuleFault::new(
            "quote_char",
            "is the delimiter too; a field could not be told from its quotes",
        ));
    }
    if quote == b'\\' {
        faults.push(RuleFault::new(
            "quote_char",
            "is a backslash, which no COPY option can carry safely; choose another character",
        ));
    }
}

fn fixed_width(rule: &FileRule, columns: &[RuleColumn], faults: &mut Vec<RuleFault>) {
    if rule.encoding != Encoding::Utf8 {
        faults.push(RuleFault::new(
            "encoding",
            "must be UTF8, because COPY reads fixed width in UTF-8 only",
        ));
    }
    for column in columns.iter().filter(|column| column.width.is_none()) {
        faults.push(RuleFault::new(
            "ext_file_config_dtl.column_width_fixed",
            format!("is not set for column {:?}", column.name),
        ));
    }
}

/// JSON and Avro have no lines, no quotes and a NULL of their own.
fn self_describing(rule: &FileRule, parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    let format = rule.format.name();
    for option in &parsed.options {
        if matches!(
            option,
            CopyOption::FillRecord | CopyOption::IgnoreBlankLines | CopyOption::NullAs(_)
        ) {
            let problem = format!("{} cannot stand with {format}; take it out", option.keyword());
            faults.push(RuleFault::new(OPTIONS, problem));
        }
    }
    if rule.null_as.is_some() {
        faults.push(RuleFault::new(
            "null_as",
            format!("must not be set, because {format} has a NULL of its own"),
        ));
    }
}

fn no_shred(paths: &Paths, columns: &[RuleColumn], faults: &mut Vec<RuleFault>) {
    if *paths == Paths::NoShred && columns.len() > 1 {
        faults.push(RuleFault::new(
            "json_paths",
            format!(
                "is noshred, which fills one SUPER column, and the rule lists {} columns",
                columns.len()
            ),
        ));
    }
}

fn avro_paths(paths: &Paths, faults: &mut Vec<RuleFault>) {
    if *paths == Paths::NoShred {
        faults.push(RuleFault::new(
            "json_paths",
            "is noshred, which COPY knows for JSON only; write auto, auto ignorecase or a paths file",
        ));
    }
}

/// COPY from Parquet and ORC takes hardly any option.
/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html>
fn columnar(rule: &FileRule, columns: &[RuleColumn], parsed: &ParsedOptions, faults: &mut Vec<RuleFault>) {
    let format = rule.format.name();
    for option in &parsed.options {
        if !matches!(
            option,
            CopyOption::AcceptInvalidCharacters(_) | CopyOption::FillRecord | CopyOption::StatisticsUpdate(_)
        ) {
            let problem = format!("{} cannot stand with {format}; take it out", option.keyword());
            faults.push(RuleFault::new(OPTIONS, problem));
        }
    }
    let mut refuse = |column: &str, is_set: bool, found: &str| {
        if is_set {
            faults.push(RuleFault::new(
                column,
                format!("{found}, but {format} carries its own; leave it NULL"),
            ));
        }
    };
    refuse("null_as", rule.null_as.is_some(), "names a NULL text");
    refuse("date_format", rule.date_format != "auto", "names a date format");
    refuse("time_format", rule.time_format != "auto", "names a time format");
    refuse("encoding", rule.encoding != Encoding::Utf8, "names an encoding");
    refuse(
        "compression",
        rule.compression != Compression::None,
        "names a compression",
    );
    refuse("header_flag", rule.header.has_header(), "speaks of a header");
    if columns.is_empty() && (rule.file_name_column.is_some() || rule.load_id_column.is_some()) {
        faults.push(RuleFault::new(
            "ext_file_config_dtl.column_name",
            format!(
                "lists no column, and {format} must then fill every column of the table, which the loader's own \
                 column (file_name_column, load_id_column) forbids; list the file's columns in their order"
            ),
        ));
    }
}

fn lineage(rule: &FileRule, faults: &mut Vec<RuleFault>) {
    let (Some(file_name), Some(load_id)) = (&rule.file_name_column, &rule.load_id_column) else {
        return;
    };
    if file_name.eq_ignore_ascii_case(load_id) {
        faults.push(RuleFault::new(
            "load_id_column",
            format!("is {load_id:?}, and so is file_name_column; one column cannot hold both"),
        ));
    }
}

//! An entry for fuzzers: any bytes at all give rows, recorded errors or a failed statement; never a crash, a hang or a lost row.
//!
//! Any fuzzer can drive it, since its input is bytes; the program `examples/fuzz` does what AFL and honggfuzz want, and a target of `cargo fuzz` is
//! one line: `fuzz_target!(|bytes: &[u8]| longshore_local_warehouse::fuzz::check(bytes).unwrap())`. The tests here are a bounded run of it.

use std::fmt;

use crate::copy::{check_any_bytes, check_any_file};
use crate::sql;

/// A promise that does not hold of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPromise(String);

impl fmt::Display for BrokenPromise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BrokenPromise {}

/// Reads bytes as everything that they may be: their first line as a statement and as options of a COPY, the rest as the file that it loads, which
/// comes whole and in pieces (after a line of JSONPaths, where the options name such a file); all of them as an Avro, a Parquet and an ORC file, and as a
/// manifest.
///
/// # Errors
/// [`BrokenPromise`] when a record is neither a row nor an error, when PostgreSQL would get other rows than were counted, or when a file in pieces
/// gives other rows than the whole one.
pub fn check(bytes: &[u8]) -> Result<(), BrokenPromise> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (line, file) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    check_statement(&line);
    check_statement(&String::from_utf8_lossy(bytes));
    // What cuts the file differs from input to input, and is the same whenever the input is.
    let step = bytes
        .iter()
        .fold(0_usize, |sum, byte| sum.wrapping_add(usize::from(*byte)))
        % 11
        + 1;
    check_any_bytes(&line, file, step).map_err(BrokenPromise)?;
    check_any_file(bytes).map_err(BrokenPromise)
}

/// A statement is cut, classified and rewritten, or refused.
fn check_statement(text: &str) {
    let Ok(Some(statement)) = sql::single_statement(text) else {
        return;
    };
    let Ok(classified) = sql::classify(statement) else {
        return;
    };
    // Refused is as good as rewritten: what counts is that it comes back.
    drop(sql::rewrite(statement, classified));
    drop(sql::parameters(statement));
    drop(sql::without_credentials(statement));
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: [&str; 42] = [
        "csv",
        "csv quote as '%'",
        "csv delimiter '|'",
        "delimiter ','",
        "delimiter '\\t'",
        "delimiter '|~|'",
        "delimiter ',,' escape",
        "delimiter '||' removequotes",
        "delimiter '||' removequotes escape",
        "csv delimiter ', '",
        "escape",
        "removequotes",
        "fixedwidth 'a:3,b:2,c:5,d:1,e:2,f:1,g:4'",
        "json 'auto'",
        "json 'auto ignorecase'",
        "gzip",
        "bzip2",
        "zstd",
        "lzop",
        "encoding utf16",
        "encoding utf16le",
        "encoding utf16be",
        "encoding iso88591",
        "ignoreheader 1",
        "ignoreblanklines",
        "maxerror 3",
        "ignoreallerrors",
        "fillrecord",
        "trimblanks",
        "blanksasnull",
        "emptyasnull",
        "null as 'x'",
        "null as '\\000'",
        "truncatecolumns",
        "acceptinvchars",
        "acceptinvchars as '^'",
        "acceptanydate",
        "dateformat 'auto'",
        "timeformat 'auto'",
        "timeformat 'epochmillisecs'",
        "timeformat 'MM/DD/YY HH12:MI:SS AM'",
        "roundec",
    ];
    const PIECES: [&str; 38] = [
        "1|ab|2024-01-01 01:02:03|1.5|xy|t|2024-02-29\n",
        "1.5|ab|2024-01-01 01:02:03+00|{}|ff\n",
        "1,ab,2024-01-01 01:02:03,1.5,xy,t,2024-02-29\n",
        "{\"a\": 1, \"b\": \"ab\", \"e\": \"xy\"}\n",
        "|",
        "|",
        "|",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        "\"",
        "'",
        "\\",
        "%",
        "{",
        "}",
        "[",
        "]",
        ":",
        " ",
        "\t",
        "\0",
        "1",
        "-2.5",
        "x",
        "ab",
        "t",
        "2024-02-29",
        "2024-01-01 01:02:03",
        "ä",
        "\u{feff}",
        "\"a\":",
        "null",
        "\\N",
        "1e400",
        "\u{10ffff}",
    ];
    const WORDS: [&str; 40] = [
        "create",
        "procedure",
        "p",
        "(",
        ")",
        "as",
        "$$",
        "begin",
        "end",
        ";",
        "lock",
        "table",
        "t",
        "in",
        "share",
        "mode",
        "execute",
        "'",
        "select",
        "top",
        "decode",
        "listagg",
        "within",
        "group",
        "case",
        ",",
        "::",
        ":x",
        "/*",
        "*/",
        "--",
        "\n",
        "\"",
        "ß",
        "vacuum",
        "delete",
        "merge",
        "dateadd",
        "varchar(max)",
        "language plpgsql",
    ];

    fn packed(file: &[u8], how: u8) -> Vec<u8> {
        match how {
            0 => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(file).unwrap();
                gzip.finish().unwrap()
            }
            1 => zstd::encode_all(file, 1).unwrap(),
            2 => {
                let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                bzip2.write_all(file).unwrap();
                bzip2.finish().unwrap()
            }
            3 => String::from_utf8_lossy(file)
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
            _ => file.to_vec(),
        }
    }

    fn option_that_unpacks(how: u8) -> &'static str {
        ["gzip", "zstd", "bzip2", "encoding utf16le"]
            .get(usize::from(how))
            .copied()
            .unwrap_or_default()
    }

    /// What a writer could have written, and where bytes of it went bad.
    fn file() -> impl Strategy<Value = (Vec<u8>, u8)> {
        let text = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60)
            .prop_map(|pieces| pieces.concat().into_bytes());
        let file = prop_oneof![6 => text, 1 => prop::collection::vec(any::<u8>(), 0..200)];
        let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
        (file, 0..12_u8, damage, 0..4_usize).prop_map(|(file, how, damage, cut)| {
            let mut file = packed(&file, how);
            for (at, byte) in damage {
                if !file.is_empty() {
                    let at = at.index(file.len());
                    file[at] = byte;
                }
            }
            file.truncate(file.len().saturating_sub(cut));
            (file, how)
        })
    }

    /// Files of the formats that are read from disk, and a manifest, each as its writer left it.
    fn whole_files() -> Vec<Vec<u8>> {
        let mut parquet = Vec::new();
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("ä"), None]));
        let rows = RecordBatch::try_from_iter([("i", numbers), ("t", texts)]).unwrap();
        let mut writer = ArrowWriter::try_new(&mut parquet, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        vec![
            parquet,
            include_bytes!("../tests/fixtures/people.avro").to_vec(),
            include_bytes!("../tests/fixtures/people.orc").to_vec(),
            br#"{"entries": [{"url": "s3://b/k", "mandatory": true, "meta": {"content_length": 7}}]}"#
                .to_vec(),
        ]
    }

    /// One of them, with bytes gone bad and its end cut off.
    fn damaged_file() -> impl Strategy<Value = Vec<u8>> {
        let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (prop::sample::select(whole_files()), damage, 0..6_usize).prop_map(|(mut file, damage, cut)| {
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            file.truncate(file.len() - cut);
            file
        })
    }

    const VALUES: [&str; 8] = [
        r#"{"a": 1, "b": [1, "x"], "c d": null}"#,
        r#"{"a": {"b": {"a": "2024-02-29"}}, "e": {"f": [true, {"a": 1.5}]}}"#,
        r#"["2024-01-01 01:02:03", [1, [2]], {}]"#,
        r#"[[1, 2], "ä", {"a": []}]"#,
        "{}",
        "[]",
        "{\"a\": ",
        "7",
    ];
    const STEPS: [&str; 10] = [
        ".a",
        ".b",
        "['c d']",
        "[0]",
        "[1]",
        ".e.f",
        "[-1]",
        "[99999999999]",
        "['']",
        ".ä",
    ];

    /// As many paths as one of the tables has columns, or one more or less.
    fn json_paths() -> impl Strategy<Value = String> {
        let path = prop::collection::vec(prop::sample::select(STEPS.to_vec()), 0..4)
            .prop_map(|steps| format!("\"${}\"", steps.concat()));
        prop::collection::vec(path, 4..9)
            .prop_map(|paths| format!("{{\"jsonpaths\": [{}]}}", paths.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn any_damage_of_a_file_on_disk_is_rows_or_a_failed_statement(file in damaged_file()) {
            prop_assert_eq!(check(&file), Ok(()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn any_paths_find_values_or_refuse_the_record(paths in json_paths(), values in prop::collection::vec(prop::sample::select(VALUES.to_vec()), 0..6)) {
            let file = format!("json 's3://b/paths' ignoreallerrors\n{paths}\n{}", values.join("\n"));
            prop_assert_eq!(check(file.as_bytes()), Ok(()), "{}", file);
        }

        #[test]
        fn any_file_gives_rows_recorded_errors_or_a_failed_statement(
            options in prop::collection::vec(prop::sample::select(OPTIONS.to_vec()), 0..5),
            (file, how) in file(),
        ) {
            let options = format!("{} {}", options.join(" "), option_that_unpacks(how));
            let bytes = [options.as_bytes(), b"\n", &file].concat();
            prop_assert_eq!(check(&bytes), Ok(()), "{} {:?}", options, String::from_utf8_lossy(&file));
        }

        #[test]
        fn any_text_is_a_statement_or_refused(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40), gap in "[ ]?") {
            prop_assert_eq!(check(words.join(&gap).as_bytes()), Ok(()));
        }

        #[test]
        fn bytes_without_any_sense_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(check(&bytes), Ok(()));
        }
    }
}

//! The grammar of COPY, from the manual: <https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html>.

use std::collections::BTreeSet;

use super::arguments::{
    check_region, delimiter, encoding, json_fields, max_error, null_string, number, one_character,
    optional_number, replacement, text, time_format, widths, within,
};
use super::cipher::RootKey;
use super::options::{check_combination, option_name, refused};
use super::statement::{Compression, Conversion, CopyStatement, Encoding, Format, JsonFields, Tolerance};
use crate::sql::{Cursor, SqlError, TokenKind, string_value, tokenize};

/// Reads a COPY statement.
///
/// # Errors
/// [`SqlError::Syntax`] at the first token that the grammar does not know; [`SqlError::Refused`] for options that exclude each
/// other; [`SqlError::Unsupported`] for one that is known and not executed yet.
pub(crate) fn parse(text: &str) -> Result<CopyStatement, SqlError> {
    let tokens = tokenize(text)?;
    let mut cursor = Cursor::new(&tokens);
    cursor.expect("copy")?;
    let table = cursor.qualified_name()?;
    let columns = column_list(&mut cursor)?;
    cursor.expect("from")?;
    let source = string_value(&cursor.expect_string()?);
    let mut options = Options::new(source);
    while cursor.peek().is_some() && !cursor.accept(&[";"]) {
        options.one(&mut cursor)?;
        cursor.accept(&[","]);
    }
    check_combination(&options.seen, &options.source)?;
    options.finish(table, columns)
}

fn column_list(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, SqlError> {
    if !cursor.accept(&["("]) {
        return Ok(None);
    }
    let mut columns = vec![cursor.name()?];
    while cursor.accept(&[","]) {
        columns.push(cursor.name()?);
    }
    cursor.expect(")")?;
    Ok(Some(columns))
}

/// What was said so far.
struct Options {
    source: String,
    seen: BTreeSet<&'static str>,
    root_key: Option<RootKey>,
    delimiter: Vec<u8>,
    quote: u8,
    widths: Vec<(String, usize)>,
    json: JsonFields,
    encoding: Encoding,
    conversion: Conversion,
    ignore_header: u64,
    tolerance: Tolerance,
}

impl Options {
    fn new(source: String) -> Self {
        Self {
            source,
            seen: BTreeSet::new(),
            root_key: None,
            delimiter: b"|".to_vec(),
            quote: b'"',
            widths: Vec::new(),
            json: JsonFields::Auto,
            encoding: Encoding::Utf8,
            conversion: Conversion::default(),
            ignore_header: 0,
            tolerance: Tolerance::MaxError(0),
        }
    }

    /// One option with its arguments.
    fn one(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
        if cursor.accept(&["format"]) {
            cursor.accept(&["as"]);
        }
        cursor.accept(&["with"]);
        let offset = cursor.offset();
        let Some(token) = cursor.peek().copied() else {
            return Err(cursor.error());
        };
        let word = if token.kind == TokenKind::Word {
            token.text.to_ascii_lowercase()
        } else {
            String::new()
        };
        let Some(name) = option_name(&word) else {
            return Err(cursor.error());
        };
        cursor.next();
        if !self.seen.insert(name) {
            let message = format!("conflicting or redundant options: {name}");
            return Err(SqlError::Syntax { message, offset });
        }
        self.argument(name, cursor)
    }

    fn argument(&mut self, name: &'static str, cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
        match name {
            "IAM_ROLE" if !cursor.accept(&["default"]) => {
                cursor.expect_string()?;
            }
            "CREDENTIALS" | "ACCESS_KEY_ID" | "SECRET_ACCESS_KEY" | "SESSION_TOKEN" => {
                text(cursor)?;
            }
            "REGION" => check_region(&text(cursor)?)?,
            "MASTER_SYMMETRIC_KEY" => {
                let key = RootKey::parse(&text(cursor)?);
                self.root_key = Some(key.ok_or_else(|| {
                    refused("Invalid master_symmetric_key: it is no 256-bit key in base64")
                })?);
            }
            "DELIMITER" => self.delimiter = delimiter(cursor)?,
            "CSV" if cursor.accept(&["quote"]) => self.quote = one_character("QUOTE", cursor)?,
            "FIXEDWIDTH" => self.widths = widths(cursor)?,
            "JSON" => self.json = json_fields(name, cursor)?,
            "AVRO" => self.json = json_fields(name, cursor)?,
            "SERIALIZETOJSON" | "PARQUET" | "ORC" => {}
            "SHAPEFILE" if cursor.accept(&["simplify"]) => {
                cursor.accept(&["auto"]);
                optional_number(cursor);
            }
            "ACCEPTINVCHARS" => self.conversion.replace_invalid = Some(replacement(cursor)?),
            "DATEFORMAT" => self.conversion.date_format = time_format(name, text(cursor)?)?,
            "TIMEFORMAT" => self.conversion.time_format = time_format(name, text(cursor)?)?,
            "ENCODING" => self.encoding = encoding(cursor)?,
            "IGNOREHEADER" => self.ignore_header = number(cursor)?,
            "NULL AS" => self.conversion.null_as = null_string(cursor)?,
            "MAXERROR" => self.tolerance = Tolerance::MaxError(max_error(cursor)?),
            "COMPROWS" => within(name, number(cursor)?, 1000, 2_147_483_647)?,
            "READRATIO" => {
                number(cursor)?;
            }
            "COMPUPDATE" => {
                let _mode = ["preset", "on", "off", "true", "false"]
                    .iter()
                    .any(|word| cursor.accept(&[word]));
            }
            "STATUPDATE" => {
                let _mode = ["on", "off", "true", "false"]
                    .iter()
                    .any(|word| cursor.accept(&[word]));
            }
            _ => {}
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.seen.contains(name)
    }

    fn finish(mut self, table: String, columns: Option<Vec<String>>) -> Result<CopyStatement, SqlError> {
        if self.has("CSV") && !self.has("DELIMITER") {
            self.delimiter = b",".to_vec();
        }
        if self.has("FIXEDWIDTH") && self.encoding != Encoding::Utf8 {
            return Err(refused(
                "FIXEDWIDTH is not compatible with ENCODING: fixed width files must be UTF-8",
            ));
        }
        self.conversion.empty_as_null = self.has("EMPTYASNULL");
        self.conversion.blanks_as_null = self.has("BLANKSASNULL");
        self.conversion.trim_blanks = self.has("TRIMBLANKS");
        self.conversion.truncate_columns = self.has("TRUNCATECOLUMNS");
        self.conversion.fill_record = self.has("FILLRECORD");
        self.conversion.accept_any_date = self.has("ACCEPTANYDATE");
        self.conversion.round_decimals = self.has("ROUNDEC");
        if self.has("IGNOREALLERRORS") {
            self.tolerance = Tolerance::IgnoreAll;
        }
        Ok(CopyStatement {
            table,
            columns,
            manifest: self.has("MANIFEST"),
            format: self.format()?,
            compression: self.compression(),
            encoding: self.encoding,
            ignore_header: self.ignore_header,
            ignore_blank_lines: self.has("IGNOREBLANKLINES"),
            tolerance: self.tolerance,
            explicit_ids: self.has("EXPLICIT_IDS"),
            no_load: self.has("NOLOAD"),
            serialize_to_json: self.has("SERIALIZETOJSON"),
            source: self.source,
            root_key: self.root_key,
            conversion: self.conversion,
        })
    }

    fn format(&self) -> Result<Format, SqlError> {
        Ok(if self.has("CSV") {
            self.check_quotes("CSV", &[self.quote])?;
            Format::Csv {
                delimiter: self.delimiter.clone(),
                quote: self.quote,
            }
        } else if self.has("FIXEDWIDTH") {
            Format::FixedWidth(self.widths.clone())
        } else if self.has("JSON") {
            Format::Json(self.json.clone())
        } else if self.has("AVRO") {
            Format::Avro(self.json.clone())
        } else if self.has("PARQUET") {
            Format::Parquet
        } else if self.has("ORC") {
            Format::Orc
        } else {
            if self.has("REMOVEQUOTES") {
                self.check_quotes("REMOVEQUOTES", b"\"'")?;
            }
            Format::Delimited {
                delimiter: self.delimiter.clone(),
                escape: self.has("ESCAPE"),
                remove_quotes: self.has("REMOVEQUOTES"),
            }
        })
    }

    /// A quote cannot both surround a field and stand between two.
    fn check_quotes(&self, option: &str, quotes: &[u8]) -> Result<(), SqlError> {
        if self.delimiter.iter().any(|byte| quotes.contains(byte)) {
            return Err(refused(format!(
                "COPY DELIMITER must not contain a quotation mark of {option}"
            )));
        }
        Ok(())
    }

    fn compression(&self) -> Option<Compression> {
        if self.has("GZIP") {
            Some(Compression::Gzip)
        } else if self.has("BZIP2") {
            Some(Compression::Bzip2)
        } else if self.has("ZSTD") {
            Some(Compression::Zstd)
        } else if self.has("LZOP") {
            Some(Compression::Lzop)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

    use super::*;

    const BASE: &str = "copy s.t from 's3://b/k' iam_role 'r' ";

    fn with(options: &str) -> Result<CopyStatement, SqlError> {
        parse(&format!("{BASE}{options}"))
    }

    #[test]
    fn every_option_of_the_manual_is_understood() {
        for options in [
            "",
            "region 'us-east-1'gzip",
            "region as 'us-east-1' manifest delimiter as '\\t' ignoreheader as 1 maxerror as 10 bzip2",
            "format as csv quote as '''' delimiter ',' acceptinvchars as '^' acceptanydate dateformat as 'auto'",
            "csv quote '%' timeformat 'epochsecs' trimblanks truncatecolumns fillrecord emptyasnull blanksasnull",
            "fixedwidth 'a:3,b:10' statupdate off compupdate preset comprows 1000 noload roundec",
            "format json as 'auto ignorecase' zstd encoding as utf16le explicit_ids",
            "json 's3://b/paths.json', ignoreallerrors, statupdate true",
            "escape removequotes null as '\\N' ignoreblanklines delimiter '\\001'",
            "format as avro",
            "format avro 'auto ignorecase' maxerror 3",
            "avro as 's3://b/paths.json' lzop",
            "format as parquet fillrecord acceptinvchars statupdate on serializetojson",
            "format orc manifest explicit_ids",
            "json 'noshred'",
        ] {
            with(options).unwrap_or_else(|error| panic!("{options}: {error}"));
        }
    }

    #[test]
    fn every_form_of_authorization_is_accepted() {
        for authorization in [
            "iam_role default",
            "iam_role 'arn:aws:iam::1:role/a,arn:aws:iam::2:role/b'",
            "credentials 'aws_iam_role=arn'",
            "with credentials as 'aws_access_key_id=a;aws_secret_access_key=b'",
            "access_key_id 'a' secret_access_key 'b' session_token 'c'",
        ] {
            parse(&format!("copy t from 's3://b/k' {authorization}"))
                .unwrap_or_else(|error| panic!("{authorization}: {error}"));
        }
        for (authorization, part) in [
            ("", "IAM_ROLE"),
            ("access_key_id 'a'", "SECRET_ACCESS_KEY"),
            (
                "session_token 'c'",
                "SESSION_TOKEN needs ACCESS_KEY_ID and SECRET_ACCESS_KEY",
            ),
            (
                "credentials 'x' session_token 'c'",
                "CREDENTIALS is not compatible with SESSION_TOKEN",
            ),
        ] {
            let error = parse(&format!("copy t from 's3://b/k' {authorization}")).unwrap_err();
            assert!(error.to_string().contains(part), "{authorization}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_in_any_order_are_a_statement_or_an_error(
            words in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::sample::select(vec![
                        "copy", "t", "from", "'s3://b/k'", "iam_role", "default", "csv", "quote", "as", "','", "delimiter", "'\\",
                        "json", "'auto'", "avro", "format", "parquet", "(", ")", ",", ";", "7", "null", "fixedwidth", "'a:1'", "gzip",
                        "maxerror", "encoding", "utf16", "$$", "--", "/*", "acceptinvchars",
                    ]).prop_map(str::to_owned),
                    proptest::prelude::any::<String>(),
                ],
                0..20,
            )
        ) {
            // Not to panic is the promise.
            let _is_statement = with(&words.join(" ")).is_ok() || parse(&words.join(" ")).is_ok();
        }
    }

    #[test]
    fn values_are_read_as_the_manual_says() {
        let copy = with(r"delimiter '\001' null as '\N'").unwrap();
        assert_eq!(copy.conversion.null_as, b"\\N");
        assert_eq!(
            copy.format,
            Format::Delimited {
                delimiter: vec![1],
                escape: false,
                remove_quotes: false
            }
        );
        assert_eq!(
            with("csv").unwrap().format,
            Format::Csv {
                delimiter: b",".to_vec(),
                quote: b'"'
            }
        );
        assert_eq!(with(r"null as '\0'").unwrap().conversion.null_as, [0]);
        assert_eq!(
            with("acceptinvchars").unwrap().conversion.replace_invalid,
            Some(b'?')
        );
    }

    #[test]
    fn incompatible_options_are_refused_with_both_names() {
        for (options, one, other) in [
            ("csv escape", "CSV", "ESCAPE"),
            ("csv fixedwidth 'a:1'", "CSV", "FIXEDWIDTH"),
            ("fixedwidth 'a:1' delimiter ','", "DELIMITER", "FIXEDWIDTH"),
            ("json 'auto' null as ''", "JSON", "NULL AS"),
            ("maxerror 1 ignoreallerrors", "MAXERROR", "IGNOREALLERRORS"),
            ("format parquet maxerror 1", "PARQUET", "MAXERROR"),
            ("format orc acceptanydate", "ORC", "ACCEPTANYDATE"),
            ("orc ignoreallerrors", "ORC", "IGNOREALLERRORS"),
            ("parquet region 'us-east-1'", "PARQUET", "REGION"),
            ("parquet gzip", "PARQUET", "GZIP"),
            ("avro 'auto' csv", "AVRO", "CSV"),
            ("parquet orc", "PARQUET", "ORC"),
            ("json 'auto' fillrecord", "JSON", "FILLRECORD"),
            ("csv serializetojson", "SERIALIZETOJSON", "PARQUET"),
            ("gzip zstd", "GZIP", "ZSTD"),
            ("credentials 'x'", "IAM_ROLE", "CREDENTIALS"),
            (
                "access_key_id 'a' secret_access_key 'b'",
                "IAM_ROLE",
                "ACCESS_KEY_ID",
            ),
            ("session_token 'c'", "IAM_ROLE", "SESSION_TOKEN"),
        ] {
            let error = with(options).unwrap_err().to_string();
            assert!(error.contains(one) && error.contains(other), "{options}: {error}");
        }
    }

    #[test]
    fn what_is_unknown_is_a_syntax_error_and_what_is_missing_is_named() {
        for (options, part) in [
            ("frobnicate", "at or near \"frobnicate\""),
            ("delimiter ',' delimiter ','", "redundant options: DELIMITER"),
            ("ignoreheader x", "at or near \"x\""),
            (
                "format shapefile",
                "COPY option SHAPEFILE is not supported by the local warehouse",
            ),
            ("readratio 50", "READRATIO"),
            ("comprows 10", "COMPROWS 10 is outside of 1000 to 2147483647"),
            ("maxerror 100001", "MAXERROR 100001 is outside of 0 to 100000"),
            ("fixedwidth 'a:0'", "Invalid fixed width specification"),
            ("fixedwidth ':3'", "Invalid fixed width specification"),
            ("avro 'noshred'", "Invalid AVRO option 'noshred'"),
            ("json 'nope'", "Invalid JSON option 'nope'"),
            ("csv quote 'ab'", "single ASCII character"),
            ("encoding latin1", "at or near \"latin1\""),
            ("encrypted", "ENCRYPTED needs MASTER_SYMMETRIC_KEY"),
            (
                "master_symmetric_key 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc='",
                "MASTER_SYMMETRIC_KEY needs ENCRYPTED",
            ),
            (
                "encrypted master_symmetric_key 'k'",
                "it is no 256-bit key in base64",
            ),
            ("delimiter ''", "COPY DELIMITER must not be empty"),
            (
                "delimiter '|\\377|'",
                "COPY DELIMITER must be UTF-8 without line breaks",
            ),
            (
                "delimiter 'a\\nb'",
                "COPY DELIMITER must be UTF-8 without line breaks",
            ),
            (
                "csv delimiter '|\"|'",
                "COPY DELIMITER must not contain a quotation mark of CSV",
            ),
            (
                "csv quote '%' delimiter '%'",
                "COPY DELIMITER must not contain a quotation mark of CSV",
            ),
            (
                "delimiter '|\\'|' removequotes",
                "COPY DELIMITER must not contain a quotation mark of REMOVEQUOTES",
            ),
            (
                "timeformat 'YYYY-MM-DD HH:MI:SSOF'",
                "TIMEFORMAT 'YYYY-MM-DD HH:MI:SSOF' has the time zone specifier OF",
            ),
            (
                "timeformat 'MM/DD/YYYY HH:MI:SS tz'",
                "has the time zone specifier TZ",
            ),
            (
                "dateformat 'YYYY-MM-DD MON'",
                "DATEFORMAT 'YYYY-MM-DD MON' has MON beside MM",
            ),
            ("dateformat 'DD/DD/YY'", "has DD beside DD"),
            ("timeformat 'HH24:MI HH12'", "has HH12 beside HH24"),
            ("timeformat 'YYYYYY'", "has YY beside YYYY"),
            ("dateformat 'HELLO'", "DATEFORMAT 'HELLO' has no field"),
        ] {
            let error = with(options).unwrap_err().to_string();
            assert!(error.contains(part), "{options}: {error}");
        }
    }
}

//! What the values of a column have in common, and the type that takes all of them and those to come.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};
use longshore_domain::snapshot::ColumnType;

/// The most bytes of a VARCHAR.
const MOST_BYTES: usize = 65_535;
/// What a text column has where no sample says anything of it.
const UNKNOWN_BYTES: u32 = 256;
/// The most digits of a DECIMAL.
const MOST_DIGITS: u32 = 38;
/// A double keeps so many decimal digits for sure.
const EXACT_IN_A_DOUBLE: u32 = 15;

/// Date layouts as COPY's DATEFORMAT and as chrono write them. The first one is what COPY knows by itself.
const DATE_FORMATS: [(&str, &str); 6] = [
    ("YYYY-MM-DD", "%Y-%m-%d"),
    ("YYYY/MM/DD", "%Y/%m/%d"),
    ("MM/DD/YYYY", "%m/%d/%Y"),
    ("DD/MM/YYYY", "%d/%m/%Y"),
    ("DD.MM.YYYY", "%d.%m.%Y"),
    ("DD-MON-YYYY", "%d-%b-%Y"),
];
const EVERY_DATE_FORMAT: u8 = 0b11_1111;
const TIMES: [&str; 4] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
];

/// What a value is by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Boolean,
    Whole,
    Decimal,
    Float,
    Date,
    Timestamp,
    TimestampTz,
    Nested,
    Text,
}

/// What was seen of one column.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    forms: BTreeSet<Form>,
    /// Most digits before the point, and after it.
    whole: u32,
    scale: u32,
    /// Which date layouts fit every date.
    date_formats: u8,
    most_bytes: usize,
    /// What a file says of the column, where it says it.
    declared: Option<ColumnType>,
    looks_like_a_packed_date: bool,
    values: u64,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            forms: BTreeSet::new(),
            whole: 0,
            scale: 0,
            date_formats: EVERY_DATE_FORMAT,
            most_bytes: 0,
            declared: None,
            looks_like_a_packed_date: true,
            values: 0,
        }
    }
}

impl Evidence {
    /// Of a file that says what its columns are.
    pub(super) fn declared(kind: ColumnType) -> Self {
        Self {
            declared: Some(kind),
            ..Self::default()
        }
    }

    /// A value of a text file. Nothing, and what COPY takes for NULL, says nothing.
    pub(super) fn see(&mut self, text: &str) {
        if text.is_empty() || text == "\\N" {
            return;
        }
        self.values += 1;
        self.most_bytes = self.most_bytes.max(text.len());
        self.looks_like_a_packed_date &= is_packed_date(text);
        let form = self.form(text);
        self.forms.insert(form);
    }

    /// A value that is text whatever it looks like.
    pub(super) fn see_text(&mut self, text: &str) {
        self.values += 1;
        self.most_bytes = self.most_bytes.max(text.len());
        self.looks_like_a_packed_date = false;
        self.forms.insert(Form::Text);
    }

    /// An object or an array.
    pub(super) fn see_nested(&mut self) {
        self.values += 1;
        self.looks_like_a_packed_date = false;
        self.forms.insert(Form::Nested);
    }

    fn form(&mut self, text: &str) -> Form {
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            return Form::Boolean;
        }
        if let Some(number) = Number::parse(text) {
            self.whole = self.whole.max(number.whole);
            self.scale = self.scale.max(number.scale);
            return match (number.has_exponent, number.scale) {
                (true, _) => Form::Float,
                (false, 0) => Form::Whole,
                (false, _) => Form::Decimal,
            };
        }
        let formats = date_formats(text);
        if formats != 0 {
            self.date_formats &= formats;
            return Form::Date;
        }
        if TIMES
            .iter()
            .any(|format| NaiveDateTime::parse_from_str(text, format).is_ok())
        {
            return Form::Timestamp;
        }
        match without_offset(text) {
            Some(local)
                if TIMES
                    .iter()
                    .any(|format| NaiveDateTime::parse_from_str(local, format).is_ok()) =>
            {
                Form::TimestampTz
            }
            _ => Form::Text,
        }
    }

    /// What both samples say.
    pub(super) fn join(mut self, other: Self) -> Result<Self, String> {
        self.declared = match (self.declared, other.declared) {
            (None, kind) | (kind, None) => kind,
            (Some(one), Some(another)) => Some(wider(one, another)?),
        };
        self.forms.extend(other.forms);
        self.whole = self.whole.max(other.whole);
        self.scale = self.scale.max(other.scale);
        self.date_formats &= other.date_formats;
        self.most_bytes = self.most_bytes.max(other.most_bytes);
        self.looks_like_a_packed_date &= other.looks_like_a_packed_date;
        self.values += other.values;
        Ok(self)
    }

    /// The only layout that fits all dates, where they are dates.
    pub(super) fn date_format(&self) -> Option<&'static str> {
        let is_one = self.forms.iter().eq([&Form::Date]) && self.date_formats.count_ones() == 1;
        is_one.then(|| DATE_FORMATS[self.date_formats.trailing_zeros() as usize].0)
    }

    /// What is worth a second look, in words that follow the column's name.
    pub(super) fn doubt(&self) -> Option<String> {
        if self.declared.is_some() {
            return None;
        }
        if self.values == 0 {
            return Some("no sample has a value of it: text is a guess".to_owned());
        }
        if self.looks_like_a_packed_date {
            return Some(
                "looks like dates YYYYMMDD and stays a number: to have dates, make it a date and set date_format YYYYMMDD".to_owned(),
            );
        }
        let is_undecided = self.forms.iter().eq([&Form::Date]) && self.date_formats.count_ones() > 1;
        is_undecided.then(|| {
            "holds days and months that cannot be told apart: it stays text; with MM/DD/YYYY or DD/MM/YYYY in date_format it may be a date"
                .to_owned()
        })
    }

    /// Whether no value of it tells it from another name.
    pub(super) fn is_text(&self) -> bool {
        self.forms.contains(&Form::Text) || self.forms.is_empty()
    }

    /// The type that takes all values, and those that are a little longer.
    pub(super) fn kind(&self, date_format: Option<&str>) -> ColumnType {
        if let Some(declared) = self.declared {
            return match declared {
                ColumnType::Varchar(_) => self.text(),
                other => other,
            };
        }
        let forms: Vec<Form> = self.forms.iter().copied().collect();
        match forms.as_slice() {
            [Form::Boolean] => ColumnType::Boolean,
            [Form::Whole] => self.whole_number(),
            [Form::Decimal] | [Form::Whole, Form::Decimal] => self.decimal(),
            [Form::Float]
            | [Form::Whole, Form::Float]
            | [Form::Decimal, Form::Float]
            | [Form::Whole, Form::Decimal, Form::Float]
                if self.whole + self.scale <= EXACT_IN_A_DOUBLE =>
            {
                ColumnType::Float
            }
            [Form::Date] if self.date_format().is_some() && self.date_format() == date_format => {
                ColumnType::Date
            }
            [Form::Timestamp] => ColumnType::Timestamp,
            [Form::TimestampTz] => ColumnType::TimestampTz,
            forms if forms.contains(&Form::Nested) => ColumnType::Super,
            _ => self.text(),
        }
    }

    /// One digit more than was seen has room, at least.
    fn whole_number(&self) -> ColumnType {
        match self.whole {
            0..=8 => ColumnType::Int,
            9..=17 => ColumnType::Bigint,
            18..=MOST_DIGITS => ColumnType::Decimal(MOST_DIGITS, 0),
            _ => self.text(),
        }
    }

    /// Up to 18 digits take 8 bytes, however many they are.
    fn decimal(&self) -> ColumnType {
        match self.whole + self.scale {
            0..=16 => ColumnType::Decimal(18, self.scale),
            17..=MOST_DIGITS => ColumnType::Decimal(MOST_DIGITS, self.scale),
            _ => self.text(),
        }
    }

    /// Twice what was seen, in bytes, as VARCHAR counts.
    fn text(&self) -> ColumnType {
        let length = match self.most_bytes {
            0 => UNKNOWN_BYTES,
            most => {
                u32::try_from((most * 2).next_power_of_two().clamp(16, MOST_BYTES)).unwrap_or(UNKNOWN_BYTES)
            }
        };
        ColumnType::Varchar(length)
    }
}

/// The type that takes what both files say of a column.
fn wider(one: ColumnType, another: ColumnType) -> Result<ColumnType, String> {
    use ColumnType::{Bigint, Decimal, Int, Varchar};
    match (one, another) {
        _ if one == another => Ok(one),
        (Int, Bigint) | (Bigint, Int) => Ok(Bigint),
        (Varchar(_), Varchar(_)) => Ok(one),
        (Decimal(digits, scale), Decimal(more, same)) if scale == same => {
            Ok(Decimal(digits.max(more), scale))
        }
        _ => Err(format!("{one} there and {another} here")),
    }
}

/// A number as its digits are written.
struct Number {
    whole: u32,
    scale: u32,
    has_exponent: bool,
}

impl Number {
    /// None of what would not come back as it was: a sign in front of nothing, a plus, a zero in front.
    fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        let exponent_is_sound = exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            // A double reaches from 1e-307 to 1e308.
            is_digits(digits) && digits.parse().is_ok_and(|power: u32| power < 300)
        });
        let is_number = is_digits(whole)
            && fraction.is_none_or(is_digits)
            && !has_leading_zero
            && exponent_is_sound
            && text != "-0";
        let count = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX / 2);
        is_number.then(|| Self {
            whole: count(whole),
            scale: fraction.map_or(0, count),
            has_exponent: exponent.is_some(),
        })
    }
}

/// A bit for each layout that fits. Ten or eleven characters, so that no other reading of the digits is near.
fn date_formats(text: &str) -> u8 {
    if !matches!(text.len(), 10 | 11) {
        return 0;
    }
    let fits = |format: &str| {
        NaiveDate::parse_from_str(text, format)
            .is_ok_and(|date| (1..=9999).contains(&chrono::Datelike::year(&date)))
    };
    DATE_FORMATS
        .iter()
        .enumerate()
        .filter(|(_, (name, format))| name.len() == text.len() && fits(format))
        .fold(0, |bits, (place, _)| bits | 1 << place)
}

fn is_packed_date(text: &str) -> bool {
    text.len() == 8
        && (text.starts_with("19") || text.starts_with("20"))
        && NaiveDate::parse_from_str(text, "%Y%m%d").is_ok()
}

/// The time before `Z`, `+01`, `+0100` or `+01:00`.
fn without_offset(text: &str) -> Option<&str> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some(local);
    }
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let offset = text[at + 1..].replace(':', "");
    let is_offset = matches!(offset.len(), 2 | 4) && offset.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| text[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(values: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        values.iter().for_each(|value| evidence.see(value));
        evidence
    }

    #[track_caller]
    fn assert_kind(values: &[&str], kind: &str) {
        let evidence = evidence(values);
        assert_eq!(
            evidence.kind(evidence.date_format()).to_string(),
            kind,
            "{values:?}"
        );
    }

    #[test]
    fn numbers_have_room_for_more_digits() {
        assert_kind(&["1", "-20", "", "\\N"], "integer");
        assert_kind(&["99999999"], "integer");
        assert_kind(&["999999999"], "bigint");
        assert_kind(&["999999999999999999"], "numeric(38,0)");
        assert_kind(&["1.50", "20"], "numeric(18,2)");
        assert_kind(&["1234567890123456.5"], "numeric(38,1)");
        assert_kind(&["1.5e3", "2"], "double precision");
        assert_kind(&["1.5e3", "0.1234567890123456789"], "character varying(64)");
    }

    #[test]
    fn what_would_not_come_back_as_it_was_stays_text() {
        assert_kind(&["007", "12"], "character varying(16)");
        for odd in ["+1", "-0", ".5", "1.", "1 000", " 1", "0x1", "1e999", "NaN"] {
            assert!(
                matches!(evidence(&[odd]).kind(None), ColumnType::Varchar(_)),
                "{odd}"
            );
        }
    }

    #[test]
    fn dates_and_times_are_known_by_their_layout() {
        assert_kind(&["2026-11-26"], "date");
        assert_kind(&["26.11.2026"], "date");
        assert_kind(&["26-Nov-2026"], "date");
        assert_kind(&["01/02/2026", "01/26/2026"], "date");
        assert_eq!(
            evidence(&["01/02/2026", "01/26/2026"]).date_format(),
            Some("MM/DD/YYYY")
        );
        assert_kind(&["01/02/2026"], "character varying(32)");
        assert_kind(&["2026-02-30"], "character varying(32)");
        assert_kind(
            &["2026-11-26 07:30:00", "2026-11-26T07:30:00.25"],
            "timestamp without time zone",
        );
        assert_kind(
            &["2026-11-26T07:30:00Z", "2026-11-26 07:30:00+01:00"],
            "timestamp with time zone",
        );
        assert_kind(
            &["2026-11-26 07:30:00", "2026-11-26T07:30:00Z"],
            "character varying(64)",
        );
        assert_kind(&["20261126"], "integer");
        assert!(evidence(&["20261126"]).doubt().unwrap().contains("YYYYMMDD"));
    }

    #[test]
    fn texts_have_headroom_and_what_nothing_says_is_text() {
        assert_kind(&["plum"], "character varying(16)");
        assert_kind(&["äöüß äöüß"], "character varying(64)");
        assert_kind(&[""], "character varying(256)");
        assert_kind(&["true", "False"], "boolean");
        assert_kind(&["true", "1"], "character varying(16)");
        assert_kind(&[&"x".repeat(40_000)], "character varying(65535)");
    }

    #[test]
    fn samples_are_joined() {
        let joined = evidence(&["1"]).join(evidence(&["2.25"])).unwrap();
        assert_eq!(joined.kind(None).to_string(), "numeric(18,2)");
        let joined = evidence(&["01/02/2026"]).join(evidence(&["13/02/2026"])).unwrap();
        assert_eq!(joined.date_format(), Some("DD/MM/YYYY"));
        let declared = |kind| Evidence::declared(kind);
        let joined = declared(ColumnType::Int)
            .join(declared(ColumnType::Bigint))
            .unwrap();
        assert_eq!(joined.kind(None), ColumnType::Bigint);
        assert!(
            declared(ColumnType::Date)
                .join(declared(ColumnType::Int))
                .is_err()
        );
    }
}

//! The types of described columns, and the values that may be their defaults.

use std::fmt;

/// A VARCHAR holds so many bytes at most.
const MOST_CHARACTERS: u32 = 65_535;
/// A DECIMAL has so many digits at most.
const MOST_DIGITS: u32 = 38;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `boolean`.
    Boolean,
    /// `float`: double precision.
    Float,
    /// `int`.
    Int,
    /// `bigint`.
    Bigint,
    /// `date`.
    Date,
    /// `timestamp`, without a time zone.
    Timestamp,
    /// `timestamptz`.
    TimestampTz,
    /// `text`, `longtext` and `varchar(n)`.
    Varchar(u32),
    /// `decimal(p,s)`.
    Decimal(u32, u32),
    /// `super`.
    Super,
}

impl ColumnType {
    const WORDS: [(&'static str, Self); 10] = [
        ("boolean", Self::Boolean),
        ("float", Self::Float),
        ("int", Self::Int),
        ("bigint", Self::Bigint),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
        ("timestamptz", Self::TimestampTz),
        ("text", Self::Varchar(256)),
        ("longtext", Self::Varchar(MOST_CHARACTERS)),
        ("super", Self::Super),
    ];

    /// Reads a type.
    ///
    /// # Errors
    /// What is wrong with it, and which types there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = text.trim().to_ascii_lowercase().replace(' ', "");
        if let Some((_, known)) = Self::WORDS.iter().find(|(name, _)| *name == word) {
            return Ok(*known);
        }
        let numbers = |name: &str| -> Option<Vec<Option<u32>>> {
            let inner = word.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
            Some(inner.split(',').map(|number| number.parse().ok()).collect())
        };
        match (numbers("varchar").as_deref(), numbers("decimal").as_deref()) {
            (Some([Some(length)]), _) if (1..=MOST_CHARACTERS).contains(length) => Ok(Self::Varchar(*length)),
            (Some(_), _) => Err(format!(
                "{text:?} is no type; write varchar(1) to varchar({MOST_CHARACTERS})"
            )),
            (_, Some([Some(digits), Some(scale)]))
                if (1..=MOST_DIGITS).contains(digits) && scale <= digits =>
            {
                Ok(Self::Decimal(*digits, *scale))
            }
            (_, Some(_)) => Err(format!(
                "{text:?} is no type; write decimal(p,s) with 0 <= s <= p <= {MOST_DIGITS}"
            )),
            _ => Err(format!(
                "{text:?} is no type; write boolean, float, int, bigint, date, timestamp, timestamptz, text, longtext, \
                 varchar(n), decimal(p,s) or super"
            )),
        }
    }

    /// Whether it tells when: what the column of the data's date must do.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::TimestampTz)
    }

    /// Whether values of both fit the same: how long a text may be does not matter.
    pub fn is_like(self, other: Self) -> bool {
        matches!((self, other), (Self::Varchar(_), Self::Varchar(_))) || self == other
    }
}

/// As Redshift's catalogue spells it.
impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => formatter.write_str("boolean"),
            Self::Float => formatter.write_str("double precision"),
            Self::Int => formatter.write_str("integer"),
            Self::Bigint => formatter.write_str("bigint"),
            Self::Date => formatter.write_str("date"),
            Self::Timestamp => formatter.write_str("timestamp without time zone"),
            Self::TimestampTz => formatter.write_str("timestamp with time zone"),
            Self::Varchar(length) => write!(formatter, "character varying({length})"),
            Self::Decimal(digits, scale) => write!(formatter, "numeric({digits},{scale})"),
            Self::Super => formatter.write_str("super"),
        }
    }
}

/// A default as SQL writes it. It becomes part of a statement, so only what is known to be a value passes.
pub(super) fn default_sql(value: &str, kind: ColumnType) -> Option<String> {
    let word = value.trim().to_ascii_lowercase();
    let quoted = value
        .trim()
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    let is_clean = |text: &str| !text.contains(['\'', '\\', '\0']);
    if let Some(text) = quoted {
        return is_clean(text).then(|| format!("'{text}'"));
    }
    match kind {
        ColumnType::Boolean => matches!(word.as_str(), "true" | "false").then_some(word),
        ColumnType::Int | ColumnType::Bigint => word.parse::<i64>().ok().map(|number| number.to_string()),
        ColumnType::Float | ColumnType::Decimal(..) => {
            let is_number = word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
            (is_number && word.parse::<f64>().is_ok()).then_some(word)
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz => {
            matches!(word.as_str(), "getdate()" | "sysdate" | "current_date").then_some(word)
        }
        ColumnType::Varchar(_) => is_clean(value).then(|| format!("'{value}'")),
        ColumnType::Super => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("it's", ColumnType::Varchar(9), None)]
    #[case("fig", ColumnType::Varchar(9), Some("'fig'"))]
    #[case("'fig'", ColumnType::Varchar(9), Some("'fig'"))]
    #[case("-1.5", ColumnType::Float, Some("-1.5"))]
    #[case("1; DROP TABLE t", ColumnType::Int, None)]
    #[case("GETDATE()", ColumnType::Timestamp, Some("getdate()"))]
    fn only_values_become_defaults(
        #[case] value: &str,
        #[case] kind: ColumnType,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(default_sql(value, kind).as_deref(), expected);
    }
}

//! Where the data of a date lies, and which date a key is about.

use std::fmt;

use chrono::Duration;

use super::DataDate;
use crate::object::ObjectKey;
use crate::target::TableName;

/// Where snapshots lie, unless somebody says otherwise.
const USUAL: &str = "{schema}/{table}/_data_timestamp_year={year}/_data_timestamp_month={month}/_data_timestamp_day={day}/\
                     {schema}_{table}_{date}";

/// `file_type` of a rule whose files' names end with their date.
pub const NO_EXTENSION: &str = "none";

/// What the name of a snapshot ends with. Of several files of one date the first in this order is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suffix {
    /// A list of files for COPY.
    Manifest,
    /// JSON, compressed with gzip.
    JsonGz,
    /// JSON.
    Json,
    /// Anything, compressed with gzip.
    Gz,
    /// Anything.
    None,
}

impl Suffix {
    /// Every suffix, the one that is preferred first.
    pub const ALL: [Self; 5] = [Self::Manifest, Self::JsonGz, Self::Json, Self::Gz, Self::None];

    /// With its dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => ".manifest",
            Self::JsonGz => ".json.gz",
            Self::Json => ".json",
            Self::Gz => ".gz",
            Self::None => "",
        }
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "no suffix",
            Self::Manifest | Self::JsonGz | Self::Json | Self::Gz => self.as_str(),
        })
    }
}

/// What a key says of the snapshot that lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The date of its data.
    pub date: DataDate,
    /// What its name ends with.
    pub suffix: Suffix,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Year,
    Month,
    Day,
    Date,
}

/// How the keys of one table's snapshots are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pieces: Vec<Piece>,
}

impl Layout {
    /// The usual one: a folder for each day, and the date in the name.
    pub fn usual(table: &TableName) -> Self {
        Self::parse(USUAL, table).expect("the usual pattern is sound")
    }

    /// Reads a pattern of somebody's own: `{schema}`, `{table}`, `{year}`, `{month}`, `{day}` and, once, `{date}`, which is the
    /// RFC 3339 date; what follows it is the suffix.
    ///
    /// # Errors
    /// What is wrong with it, and what is right.
    pub fn parse(pattern: &str, table: &TableName) -> Result<Self, String> {
        let mut pieces = vec![];
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("the brace before {after:?} is never closed"));
            };
            push_text(&mut pieces, text);
            match name {
                "schema" => push_text(&mut pieces, &table.schema),
                "table" => push_text(&mut pieces, &table.table),
                "year" => pieces.push(Piece::Year),
                "month" => pieces.push(Piece::Month),
                "day" => pieces.push(Piece::Day),
                "date" => pieces.push(Piece::Date),
                _ => {
                    return Err(format!(
                        "{{{name}}} stands for nothing; write {{schema}}, {{table}}, {{year}}, {{month}}, {{day}} or {{date}}"
                    ));
                }
            }
            rest = after;
        }
        push_text(&mut pieces, rest);
        let dates = pieces.iter().filter(|piece| **piece == Piece::Date).count();
        if dates != 1 || pieces.last() != Some(&Piece::Date) {
            return Err(format!(
                "{pattern:?} must end with {{date}}, and hold it once; the suffix follows it by itself"
            ));
        }
        Ok(Self { pieces })
    }

    /// What all keys of the table begin with.
    pub fn prefix(&self) -> String {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// The key of a date without a suffix.
    pub fn stem(&self, date: DataDate) -> String {
        let moment = date.moment();
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Year => moment.format("%Y").to_string(),
            Piece::Month => moment.format("%m").to_string(),
            Piece::Day => moment.format("%d").to_string(),
            Piece::Date => date.to_string(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// A key that comes before all those of this date and later ones, where keys follow each other as their dates do.
    pub fn before(&self, date: DataDate) -> Option<ObjectKey> {
        let placed = self
            .pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Text(_)));
        // Without the year before it, a month comes again each year; without the month, a day each month.
        let order = [Piece::Year, Piece::Month, Piece::Day, Piece::Date];
        let follows = placed
            .zip(&order)
            .all(|(piece, expected)| piece == expected || *piece == Piece::Date);
        // A date may be written with an offset, so that its text is of the day before or after.
        let day_before = date.moment() - Duration::days(1);
        let mut key = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => key.push_str(text),
                Piece::Year => key.push_str(&day_before.format("%Y").to_string()),
                Piece::Month => key.push_str(&day_before.format("%m").to_string()),
                Piece::Day => key.push_str(&day_before.format("%d").to_string()),
                Piece::Date => key.push_str(&day_before.format("%Y-%m-%d").to_string()),
            }
        }
        follows.then(|| ObjectKey::new(key))
    }

    /// The keys where the data of a date is looked for, in the order of preference.
    pub fn candidates(&self, date: DataDate) -> Vec<(Suffix, ObjectKey)> {
        let stem = self.stem(date);
        let key = |suffix: Suffix| {
            (
                suffix,
                ObjectKey::new(format!("{stem}{suffix}", suffix = suffix.as_str())),
            )
        };
        Suffix::ALL.into_iter().map(key).collect()
    }

    /// Where the description of a date's table lies: beside the data.
    pub fn description_key(&self, table: &TableName, date: DataDate) -> ObjectKey {
        let stem = self.stem(date);
        let folder = stem.rsplit_once('/').map_or("", |(folder, _)| folder);
        let slash = if folder.is_empty() { "" } else { "/" };
        ObjectKey::new(format!(
            "{folder}{slash}config_{}_{}_{date}.yml",
            table.schema, table.table
        ))
    }

    /// Which date a key is about; `None` for what is no snapshot of this table.
    pub fn read(&self, key: &ObjectKey) -> Option<Place> {
        let mut rest = key.as_str();
        let (mut year, mut month, mut day) = (None, None, None);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Year => year = Some(digits(&mut rest, 4)?),
                Piece::Month => month = Some(digits(&mut rest, 2)?),
                Piece::Day => day = Some(digits(&mut rest, 2)?),
                Piece::Date => {}
            }
        }
        // The longest suffix: `.json.gz` ends with `.gz` too.
        let (date, suffix) = Suffix::ALL.into_iter().find_map(|suffix| {
            let date = DataDate::parse(rest.strip_suffix(suffix.as_str())?).ok()?;
            Some((date, suffix))
        })?;
        let said = [
            (year, date.moment().format("%Y").to_string()),
            (month, date.moment().format("%m").to_string()),
            (day, date.moment().format("%d").to_string()),
        ];
        // A file in the folder of another day would not be found by its date.
        let agrees = said
            .iter()
            .all(|(folder, name)| folder.is_none_or(|folder| folder == name));
        agrees.then_some(Place { date, suffix })
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match (text, pieces.last_mut()) {
        ("", _) => {}
        (text, Some(Piece::Text(last))) => last.push_str(text),
        (text, _) => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn digits<'text>(rest: &mut &'text str, count: usize) -> Option<&'text str> {
    let found = rest
        .get(..count)
        .filter(|found| found.bytes().all(|byte| byte.is_ascii_digit()))?;
    *rest = &rest[count..];
    Some(found)
}

impl Suffix {
    /// The suffix as `file_type` of a rule.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => NO_EXTENSION,
            Self::Manifest | Self::JsonGz | Self::Json | Self::Gz => self.as_str().trim_start_matches('.'),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn table() -> TableName {
        TableName::new("api", "pages")
    }

    fn date() -> DataDate {
        DataDate::parse("2015-07-01T00:00:00Z").unwrap()
    }

    const FOLDER: &str =
        "api/pages/_data_timestamp_year=2015/_data_timestamp_month=07/_data_timestamp_day=01";

    #[test]
    fn the_usual_layout_has_a_folder_for_each_day() {
        let layout = Layout::usual(&table());
        assert_eq!(layout.prefix(), "api/pages/_data_timestamp_year=");
        let keys: Vec<String> = layout
            .candidates(date())
            .iter()
            .map(|(_, key)| key.to_string())
            .collect();
        let stem = format!("{FOLDER}/api_pages_2015-07-01T00:00:00Z");
        let expected = [".manifest", ".json.gz", ".json", ".gz", ""].map(|suffix| format!("{stem}{suffix}"));
        assert_eq!(keys, expected);
        assert_eq!(
            layout.description_key(&table(), date()).as_str(),
            format!("{FOLDER}/config_api_pages_2015-07-01T00:00:00Z.yml")
        );
        for (suffix, key) in layout.candidates(date()) {
            assert_eq!(layout.read(&key), Some(Place { date: date(), suffix }), "{key}");
        }
    }

    #[rstest]
    #[case("/config_api_pages_2015-07-01T00:00:00Z.yml")]
    #[case("/api_pages_2015-07-01T00:00:00Z.json.bak")]
    #[case("/api_pages_2015-07-01.json")]
    #[case("/api_pages_.json")]
    #[case("/api_pages_2015-07-02T00:00:00Z.json")]
    fn what_is_no_snapshot_of_the_table_is_passed_over(#[case] name: &str) {
        let layout = Layout::usual(&table());
        assert_eq!(layout.read(&ObjectKey::new(format!("{FOLDER}{name}"))), None);
    }

    #[test]
    fn somebody_may_have_a_layout_of_their_own() {
        let layout = Layout::parse("exports/{table}/{year}-{month}/{date}", &table()).unwrap();
        assert_eq!(layout.stem(date()), "exports/pages/2015-07/2015-07-01T00:00:00Z");
        let place = layout
            .read(&ObjectKey::new("exports/pages/2015-07/2015-07-01T00:00:00Z.gz"))
            .unwrap();
        assert_eq!((place.date, place.suffix), (date(), Suffix::Gz));
    }

    #[rstest]
    #[case("{year}/{month}/{day}/{date}", Some("2015/06/30/2015-06-30"))]
    #[case("a/{date}", Some("a/2015-06-30"))]
    #[case("{year}/{table}/{date}", Some("2015/pages/2015-06-30"))]
    #[case("{month}/{year}/{date}", None)]
    #[case("{month}/{date}", None)]
    fn what_lies_before_a_date_can_be_passed_over_where_keys_follow_each_other_as_dates(
        #[case] pattern: &str,
        #[case] expected: Option<&str>,
    ) {
        let layout = Layout::parse(pattern, &table()).unwrap();
        let before = layout.before(date());
        assert_eq!(before.as_ref().map(ObjectKey::as_str), expected);
        for later in [
            "2015-07-01T00:00:00Z",
            "2015-07-01T11:00:00+14:00",
            "2016-01-01T00:00:00Z",
        ] {
            let later = layout.stem(DataDate::parse(later).unwrap());
            assert!(
                before
                    .as_ref()
                    .is_none_or(|before| before.as_str() < later.as_str()),
                "{later}"
            );
        }
    }

    #[rstest]
    #[case("exports/{table", "is never closed")]
    #[case("exports/{tabel}/{date}", "{tabel} stands for nothing")]
    #[case("exports/{table}", "must end with {date}")]
    #[case("{date}/{date}", "must end with {date}")]
    #[case("{date}.json", "must end with {date}")]
    fn a_pattern_that_tells_no_date_is_refused(#[case] pattern: &str, #[case] says: &str) {
        let error = Layout::parse(pattern, &table()).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

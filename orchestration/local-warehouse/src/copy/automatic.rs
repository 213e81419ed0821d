//! What DATEFORMAT and TIMEFORMAT `'auto'` make of a text that has none of the usual forms: its parts, in nearly any order.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html> lists forms, and says that a CAST takes the same texts. Month comes
//! before day, as in Redshift's DateStyle.

use chrono::{Datelike, Days, FixedOffset, NaiveDate};

use super::time_scan::{Moment, Scan, century_year, month_number};

/// Abbreviations of time zones and their minutes east of Greenwich, as `pg_timezone_abbrevs()` has those whose offset never changed.
const ZONES: &str = include_str!("zones.txt");
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
/// The number of 2000-01-01 among the Julian days.
const JULIAN_2000: i64 = 2_451_545;

/// The moment that a text names, if all of its parts are understood.
pub(super) fn recognize(text: &str) -> Option<Moment> {
    let mut parts = Parts::default();
    let is_separator = |character: char| character == ',' || character.is_ascii_whitespace();
    for word in text.split(is_separator).filter(|word| !word.is_empty()) {
        parts.word(word)?;
    }
    parts.moment()
}

/// What was read so far.
#[derive(Default)]
struct Parts<'a> {
    /// Numbers of a date in their order, as written.
    numbers: Vec<&'a str>,
    month: Option<u32>,
    /// A date that one word says whole.
    date: Option<NaiveDate>,
    time: Option<Scan<'a>>,
    is_afternoon: Option<bool>,
    offset: Option<FixedOffset>,
    is_before_christ: Option<bool>,
    has_weekday: bool,
}

impl<'a> Parts<'a> {
    /// Understands one more word; None where it means nothing, or what was said already.
    fn word(&mut self, word: &'a str) -> Option<()> {
        // An offset may have a colon too, by itself or behind a time in six digits.
        if word.starts_with(['+', '-']) {
            let mut scan = Scan::new(word);
            scan.zone()?;
            return set(&mut self.offset, scan.offset?);
        }
        if self.has_date() && is_compact_time(word) {
            let mut scan = Scan::new(word);
            scan.compact_time()?;
            return self.set_time(scan);
        }
        if let Some((date, time)) = word.split_once(['T', 't'])
            && is_compact_time(time)
        {
            self.word(date)?;
            return self.word(time);
        }
        if word.contains(':') {
            let mut scan = Scan::new(word);
            scan.time()?;
            return self.set_time(scan);
        }
        if let Some(date) = julian_day(word)
            .or_else(|| day_of_year(word))
            .or_else(|| compact_date(word))
        {
            return set(&mut self.date, date);
        }
        if word.starts_with(|first: char| first.is_ascii_digit()) || word.contains(['-', '/', '.']) {
            return word
                .split(['-', '/', '.'])
                .try_for_each(|part| self.date_part(part));
        }
        self.name(word)
    }

    fn has_date(&self) -> bool {
        self.date.is_some() || !self.numbers.is_empty()
    }

    fn set_time(&mut self, scan: Scan<'a>) -> Option<()> {
        if let Some(offset) = scan.offset {
            set(&mut self.offset, offset)?;
        }
        set(&mut self.time, scan)
    }

    /// Digits, or the name of a month.
    fn date_part(&mut self, part: &'a str) -> Option<()> {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            self.numbers.push(part);
            return Some(());
        }
        set(&mut self.month, month_number(part)?)
    }

    fn name(&mut self, word: &str) -> Option<()> {
        let lower = word.to_ascii_lowercase();
        if let Some(month) = month_number(word) {
            return set(&mut self.month, month);
        }
        match lower.as_str() {
            "am" | "pm" if self.time.is_some() => return set(&mut self.is_afternoon, lower == "pm"),
            "bc" | "ad" => return set(&mut self.is_before_christ, lower == "bc"),
            _ => {}
        }
        let is_weekday = |day: &str| day == lower || (lower.len() == 3 && day.starts_with(&lower));
        if WEEKDAYS.iter().any(|day| is_weekday(day)) {
            return (!std::mem::replace(&mut self.has_weekday, true)).then_some(());
        }
        set(&mut self.offset, zone_offset(&lower)?)
    }

    fn moment(self) -> Option<Moment> {
        let mut scan = self.time.unwrap_or_else(|| Scan::new(""));
        scan.offset = self.offset;
        if let Some(is_afternoon) = self.is_afternoon {
            set(&mut scan.is_afternoon, is_afternoon)?;
        }
        let is_before_christ = self.is_before_christ == Some(true);
        match (self.date, self.month, &self.numbers[..]) {
            (Some(date), None, []) if !is_before_christ => scan.set_date(date),
            (None, Some(month), [year, day]) if year.len() > 2 => {
                scan.set_day(year, month, day.parse().ok()?, is_before_christ)?;
            }
            (None, Some(month), [day, year]) => {
                scan.set_day(year, month, day.parse().ok()?, is_before_christ)?;
            }
            (None, None, [year, month, day]) if year.len() > 2 => {
                scan.set_day(year, month.parse().ok()?, day.parse().ok()?, is_before_christ)?;
            }
            (None, None, [month, day, year]) => {
                scan.set_day(year, month.parse().ok()?, day.parse().ok()?, is_before_christ)?;
            }
            _ => return None,
        }
        scan.moment()
    }
}

/// Says something for the first time.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value);
    Some(())
}

/// `HHMISS`, perhaps with a fraction and an offset.
fn is_compact_time(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits == 6
        && word[6..]
            .bytes()
            .next()
            .is_none_or(|next| b".+-Zz".contains(&next))
}

/// `J2451187`.
fn julian_day(word: &str) -> Option<NaiveDate> {
    let number = word.strip_prefix(['J', 'j']).filter(|digits| is_digits(digits))?;
    let days = number.parse::<i64>().ok()?.checked_sub(JULIAN_2000)?;
    let first = NaiveDate::from_ymd_opt(2000, 1, 1)?;
    let distance = Days::new(days.unsigned_abs());
    if days < 0 {
        first.checked_sub_days(distance)
    } else {
        first.checked_add_days(distance)
    }
}

/// `1996.008`.
fn day_of_year(word: &str) -> Option<NaiveDate> {
    let (year, day) = word.split_once('.')?;
    let is_known = year.len() == 4 && day.len() == 3 && is_digits(year) && is_digits(day);
    let date = NaiveDate::from_yo_opt(year.parse().ok()?, day.parse().ok()?)?;
    (is_known && date.year() > 0).then_some(date)
}

/// `19960108` or `960108`.
fn compact_date(word: &str) -> Option<NaiveDate> {
    let length = word
        .len()
        .checked_sub(4)
        .filter(|length| matches!(length, 2 | 4))?;
    if !is_digits(word) {
        return None;
    }
    let (year, rest) = word.split_at(length);
    let (month, day) = rest.split_at(2);
    let year = century_year(year)?;
    NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?).filter(|_| year > 0)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The offset of a zone by its abbreviation.
pub(super) fn zone_offset(zone: &str) -> Option<FixedOffset> {
    let mut zones = ZONES.lines().filter_map(|line| line.split_once(' '));
    let (_, minutes) = zones.find(|(name, _)| name.eq_ignore_ascii_case(zone))?;
    FixedOffset::east_opt(minutes.parse::<i32>().ok()? * 60)
}

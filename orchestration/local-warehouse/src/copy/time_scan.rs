//! Dates and times, read from the beginning of a text on.

use chrono::{Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

/// A moment as a text says it.
pub(super) struct Moment {
    pub(super) local: NaiveDateTime,
    pub(super) offset: Option<FixedOffset>,
}

/// What was read so far.
pub(super) struct Scan<'a> {
    pub(super) rest: &'a str,
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    pub(super) is_afternoon: Option<bool>,
    pub(super) offset: Option<FixedOffset>,
    is_before_christ: bool,
}

impl<'a> Scan<'a> {
    /// At the beginning of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            year: 1,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            is_afternoon: None,
            offset: None,
            is_before_christ: false,
        }
    }

    /// Reads all that a pattern of the manual asks for.
    pub(super) fn pattern(&mut self, pattern: &str) -> Option<()> {
        let mut pattern = pattern;
        while let Some(first) = pattern.chars().next() {
            let upper = pattern.to_ascii_uppercase();
            let length = self.field(&upper)?;
            if length > 0 {
                pattern = pattern.get(length..)?;
                continue;
            }
            self.rest = self.rest.strip_prefix(first)?;
            pattern = pattern.get(first.len_utf8()..)?;
        }
        Some(())
    }

    /// Reads the field that the pattern begins with; 0 when it begins with a mark.
    fn field(&mut self, pattern: &str) -> Option<usize> {
        let Some(name) = pattern_field(pattern) else {
            return Some(0);
        };
        match name {
            "YYYY" => self.year = self.year_of(4)?,
            "YY" => self.year = with_century(self.year_of(2)?),
            "MON" | "MONTH" => self.month = self.month_name()?,
            "MM" => self.month = self.number(2)?,
            "DD" => self.day = self.number(2)?,
            "HH12" => self.hour = self.number(2).filter(|hour| (1..=12).contains(hour))?,
            "HH24" | "HH" => self.hour = self.number(2)?,
            "MI" => self.minute = self.number(2)?,
            "SS" => {
                self.second = self.number(2)?;
                // The seconds may have a fraction, unless the pattern goes on with a point of its own.
                if self.rest.starts_with('.') && !pattern[name.len()..].starts_with('.') {
                    self.fraction()?;
                }
            }
            "US" => self.micros = self.micros_after_a_mark()?,
            _ => self.half_of_day()?,
        }
        Some(name.len())
    }

    /// A year in so many digits: of fewer nobody knows the century.
    fn year_of(&mut self, digits: usize) -> Option<i32> {
        let before = self.rest.len();
        let year = i32::try_from(self.number(digits)?).ok()?;
        (before - self.rest.len() == digits).then_some(year)
    }

    fn number(&mut self, most: usize) -> Option<u32> {
        let length = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        digits.parse().ok()
    }

    fn month_name(&mut self) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        month_number(name)
    }

    fn half_of_day(&mut self) -> Option<()> {
        let name = self.rest.get(..2)?.to_ascii_uppercase();
        self.rest = &self.rest[2..];
        self.is_afternoon = match name.as_str() {
            "AM" => Some(false),
            "PM" => Some(true),
            _ => return None,
        };
        Some(())
    }

    /// Whether so many digits come next.
    pub(super) fn has_digits(&self, count: usize) -> bool {
        let next = self.rest.as_bytes().get(..count);
        next.is_some_and(|next| next.iter().all(u8::is_ascii_digit))
    }

    /// `.5` is half a second, however few digits there are.
    fn micros_after_a_mark(&mut self) -> Option<u32> {
        let before = self.rest.len();
        let number = self.number(6)?;
        let missing = 6_usize.checked_sub(before - self.rest.len())?;
        Some(number * 10_u32.pow(u32::try_from(missing).ok()?))
    }

    /// `HHMISS[.ffffff] [zone]`. Of five digits nobody knows which one is missing.
    pub(super) fn compact_time(&mut self) -> Option<()> {
        if !self.has_digits(6) {
            return None;
        }
        (self.hour, self.minute, self.second) = (self.number(2)?, self.number(2)?, self.number(2)?);
        if self.rest.starts_with('.') {
            self.fraction()?;
        }
        if self.rest.trim_start().is_empty() {
            Some(())
        } else {
            self.zone()
        }
    }

    /// A day by its year, which has a century or needs none.
    pub(super) fn set_day(&mut self, year: &str, month: u32, day: u32, is_before_christ: bool) -> Option<()> {
        let year = if is_before_christ {
            year.parse().ok().filter(|year| *year > 0)?
        } else {
            century_year(year)?
        };
        (self.year, self.month, self.day) = (year, month, day);
        self.is_before_christ = is_before_christ;
        Some(())
    }

    /// A day of the calendar.
    pub(super) fn set_date(&mut self, date: NaiveDate) {
        let (is_common_era, year) = date.year_ce();
        self.year = i32::try_from(year).unwrap_or(i32::MAX);
        (self.month, self.day) = (date.month(), date.day());
        self.is_before_christ = !is_common_era;
    }

    /// `HH:MI[:SS[.ffffff]] [AM|PM] [zone]`.
    pub(super) fn time(&mut self) -> Option<()> {
        self.hour = self.number(2)?;
        self.rest = self.rest.strip_prefix(':')?;
        self.minute = self.number(2)?;
        if let Some(rest) = self.rest.strip_prefix(':') {
            self.rest = rest;
            self.second = self.number(2)?;
            if self.rest.starts_with('.') {
                self.fraction()?;
            }
        }
        let rest = self.rest.trim_start();
        let half = rest.get(..2).unwrap_or_default();
        if half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm") {
            self.rest = rest;
            self.half_of_day()?;
        }
        if self.rest.trim_start().is_empty() {
            Some(())
        } else {
            self.zone()
        }
    }

    /// More digits than microseconds have are cut off.
    pub(super) fn fraction(&mut self) -> Option<()> {
        let digits = self.rest.strip_prefix('.')?;
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let padded: String = digits[..length].chars().chain("000000".chars()).take(6).collect();
        self.micros = padded.parse().ok()?;
        self.rest = &digits[length..];
        Some(())
    }

    /// `Z`, `UTC`, `+1`, `+01`, `+0100`, `+1:00` or `+01:00`.
    pub(super) fn zone(&mut self) -> Option<()> {
        let text = self.rest.trim();
        self.rest = "";
        if matches!(text, "Z" | "z" | "UTC" | "GMT") {
            self.offset = FixedOffset::east_opt(0);
            return Some(());
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let offset = text.strip_prefix(['+', '-'])?;
        let (hours, minutes) = match offset.split_once(':') {
            Some(parts) => parts,
            None if offset.len() == 4 => offset.split_at_checked(2)?,
            None => (offset, "00"),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if hours.len() > 2 || minutes.len() != 2 || !is_number(hours) || !is_number(minutes) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        // PostgreSQL knows no zone beyond.
        if hours > 15 || minutes > 59 {
            return None;
        }
        self.offset = FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60));
        self.offset.map(|_| ())
    }

    /// What was read, if nothing is left and there is such a moment.
    pub(super) fn moment(&self) -> Option<Moment> {
        if !self.rest.trim().is_empty() {
            return None;
        }
        let hour = match self.is_afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
        };
        // PostgreSQL's years go on, but their form does not.
        let (astronomical, last) = match self.is_before_christ {
            true => (1 - self.year, 4713),
            false => (self.year, 9999),
        };
        let date = NaiveDate::from_ymd_opt(astronomical, self.month, self.day)
            .filter(|_| (1..=last).contains(&self.year))?;
        let time = NaiveTime::from_hms_micro_opt(hour, self.minute, self.second, self.micros)?;
        Some(Moment {
            local: date.and_time(time),
            offset: self.offset,
        })
    }
}

/// The field that a pattern in capitals begins with.
pub(super) fn pattern_field(pattern: &str) -> Option<&'static str> {
    const FIELDS: [&str; 14] = [
        "YYYY", "YY", "MONTH", "MON", "MM", "DD", "HH24", "HH12", "HH", "MI", "SS", "AM", "PM", "US",
    ];
    FIELDS.into_iter().find(|name| pattern.starts_with(name))
}

/// A year of four digits, or of two with the century that PostgreSQL gives it; of one or three nobody knows it.
pub(super) fn century_year(digits: &str) -> Option<i32> {
    let year = digits.parse().ok()?;
    match digits.len() {
        2 => Some(with_century(year)),
        4 => Some(year),
        _ => None,
    }
}

fn with_century(year: i32) -> i32 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

/// A month by its name, in whole or by its first three letters.
pub(super) fn month_number(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    let found = MONTHS
        .iter()
        .position(|month| *month == name || (name.len() == 3 && month.starts_with(&name)))?;
    u32::try_from(found + 1).ok()
}

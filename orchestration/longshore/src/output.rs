//! What is printed: tables for people, JSON for machines, progress for the patient.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use longshore_domain::one_line::{is_turning, one_line};
use serde::Serialize;

/// As wide as an id.
const ID_WIDTH: usize = 36;
/// As wide as a date with its time.
const DATE_WIDTH: usize = 23;
/// Less than that is no column for sentences.
const LEAST_TEXT_WIDTH: usize = 24;
/// What stands between two columns.
const BORDER: usize = 3;

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A line of data. What goes into a file or a pipe is left as it is; a terminal does nothing that it says.
    pub(crate) fn line(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        let text = text.as_ref();
        if std::io::stdout().is_terminal() {
            return print(&harmless(text));
        }
        print(text)
    }

    /// A result for machines. Where a person looks on, a terminal does nothing that it says: it is the same JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value).context("encode json")?;
        if std::io::stdout().is_terminal() {
            return print(&harmless_json(&text));
        }
        print(&text)
    }

    /// A result for people. Only a terminal has a width to keep to; a file or a pipe gets whole lines.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
        let cells = |row: Vec<String>| row.iter().map(|cell| harmless(cell).into_owned()).collect();
        let rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
        print(&laid_out(header, &rows, Table::new().width()))
    }

    /// One of several tables below each other; nothing where it has no rows.
    pub(crate) fn section(
        self,
        heading: &str,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.line(format!("\n{heading}"))?;
        self.table(header, rows)
    }

    /// Names and values, one a line, whatever the values say; what is not known is left out.
    pub(crate) fn facts(self, facts: &[(&str, Option<String>)]) -> anyhow::Result<()> {
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in facts {
            if let Some(value) = value {
                print(&format!("{name:<width$}  {}", one_line(value)))?;
            }
        }
        Ok(())
    }
}

/// Something that takes a while, shown on a terminal and kept quiet elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn start(what: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is constant"),
        );
        bar.set_message(harmless(what).into_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    pub(crate) fn step(&self, what: impl Into<String>) {
        self.bar.set_message(harmless(&what.into()).into_owned());
    }

    /// Prints without the spinner in between.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A note to the person at the terminal; not data.
pub(crate) fn note(text: impl AsRef<str>) {
    // Nobody is left to tell when stderr is closed.
    writeln!(std::io::stderr(), "{}", harmless(text.as_ref())).ok();
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to stdout")
}

/// A text in which nothing is left that a terminal would do instead of show: a file may be called whatever its sender likes, and
/// the operator who lists it should neither lose the screen nor read a name backwards. Lines and tabs stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let does_something = |one: char| match one {
        '\n' | '\t' => false,
        other => other.is_control() || is_turning(other),
    };
    if !text.contains(does_something) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        if does_something(one) {
            shown.extend(one.escape_unicode());
        } else {
            shown.push(one);
        }
    }
    Cow::Owned(shown)
}

/// A table that keeps to a width, if there is one. What people copy out of it, such as an id, is never broken: where that leaves
/// no room for the rest, each row is told as names and values, one a line.
fn laid_out(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let columns: Vec<Column> = (0..header.len())
        .map(|index| Column::of(header[index], rows.iter().filter_map(|row| row.get(index))))
        .collect();
    let needed: usize = columns.iter().map(|column| column.least() + BORDER).sum();
    if width.is_some_and(|width| needed >= usize::from(width)) {
        return records(header, rows);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    table.add_rows(rows);
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        for (column, shown) in columns.iter().zip(table.column_iter_mut()) {
            if column.is_whole {
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table.to_string()
}

/// How wide a column wants to be.
struct Column {
    width: usize,
    /// Whether its cells are not to be broken.
    is_whole: bool,
}

impl Column {
    fn of<'a>(header: &str, cells: impl Iterator<Item = &'a String>) -> Self {
        let (mut width, mut is_whole) = (header.chars().count(), true);
        for cell in cells {
            let length = cell.chars().count();
            width = width.max(length);
            is_whole &= length <= DATE_WIDTH || (length <= ID_WIDTH && !cell.contains(char::is_whitespace));
        }
        Self { width, is_whole }
    }

    fn least(&self) -> usize {
        match self.is_whole {
            true => self.width,
            false => self.width.min(LEAST_TEXT_WIDTH),
        }
    }
}

fn records(header: &[&str], rows: &[Vec<String>]) -> String {
    let names = header.iter().map(|name| name.len()).max().unwrap_or_default();
    let record = |row: &Vec<String>| {
        let told = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines: Vec<String> = told
            .map(|(name, cell)| format!("{name:<names$}  {}", one_line(cell)))
            .collect();
        lines.join("\n")
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n\n")
}

/// The same of JSON, in which controls below U+0020 are escaped already, where they are not its own line breaks. What is left of them
/// stands within strings.
fn harmless_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '\u{7f}'..='\u{9f}' => shown.push_str(&format!("\\u{:04x}", u32::from(one))),
            turning if is_turning(turning) => shown.push_str(&format!("\\u{:04x}", u32::from(turning))),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0197a3c2-7d1e-7c44-9b1e-0a1b2c3d4e5f";

    fn loads() -> Vec<Vec<String>> {
        let row = [
            ID,
            "PRICES_20261121_801.txt",
            "2026-11-28 11:22:33.123",
            "row_count: the trailer says 3 and there are 4",
        ];
        vec![row.map(str::to_owned).to_vec(); 2]
    }

    #[test]
    fn an_id_is_never_broken_however_narrow_the_terminal() {
        let header = ["load", "file", "received", "error"];
        for width in (20..200).step_by(10).map(Some).chain([None]) {
            let text = laid_out(&header, &loads(), width);
            assert_eq!(text.matches(ID).count(), 2, "{width:?}\n{text}");
            let is_table = text.contains('│');
            let widest = text
                .lines()
                .map(|line| line.chars().count())
                .max()
                .unwrap_or_default();
            let keeps = !is_table || width.is_none_or(|width| widest <= usize::from(width));
            assert!(keeps, "{width:?}\n{text}");
        }
    }

    #[test]
    fn a_table_that_has_no_room_is_told_row_by_row_without_empty_cells() {
        let mut rows = loads();
        rows[0][1].clear();
        let text = laid_out(&["load", "file", "received", "error"], &rows, Some(60));
        insta::assert_snapshot!(text, @"
        load      0197a3c2-7d1e-7c44-9b1e-0a1b2c3d4e5f
        received  2026-11-28 11:22:33.123
        error     row_count: the trailer says 3 and there are 4

        load      0197a3c2-7d1e-7c44-9b1e-0a1b2c3d4e5f
        file      PRICES_20261121_801.txt
        received  2026-11-28 11:22:33.123
        error     row_count: the trailer says 3 and there are 4
        ");
    }

    #[test]
    fn json_on_a_terminal_is_the_same_json() {
        let value = serde_json::json!({ "key": "a\u{1b}\u{7f}\u{9b}31m\u{202e}txt é" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = harmless_json(&text);
        let does_something = |one: char| one != '\n' && (one.is_control() || is_turning(one));
        assert!(
            text.contains(does_something) && !shown.contains(does_something),
            "{shown}"
        );
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn what_a_terminal_would_do_is_shown_instead() {
        for (text, expected) in [
            ("plain é \u{1f600}\n\tmore", "plain é \u{1f600}\n\tmore"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\rb\u{7f}", "a\\u{d}b\\u{7f}"),
            ("c1 \u{9b}31m", "c1 \\u{9b}31m"),
            ("x\u{202e}txt.exe", "x\\u{202e}txt.exe"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}

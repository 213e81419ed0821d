//! What is printed: tables for people, JSON for machines, progress for the patient.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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

    /// A line of data.
    pub(crate) fn line(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        writeln!(std::io::stdout(), "{}", text.as_ref()).context("write to stdout")
    }

    /// A result for machines.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value).context("encode json")?;
        self.line(text)
    }

    /// A result for people.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
        // Only a terminal has a width to keep to; a file or a pipe gets whole lines.
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.add_rows(rows);
        self.line(table.to_string())
    }

    /// Names and values, one a line; what is not known is left out.
    pub(crate) fn facts(self, facts: &[(&str, Option<String>)]) -> anyhow::Result<()> {
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in facts {
            if let Some(value) = value {
                self.line(format!("{name:<width$}  {value}"))?;
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
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    pub(crate) fn step(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
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
    writeln!(std::io::stderr(), "{}", text.as_ref()).ok();
}

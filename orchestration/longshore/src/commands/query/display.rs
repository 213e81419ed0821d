//! What a person sees while a chain runs.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use longshore_app::{ChainEvent, ChainObserver};
use longshore_domain::chain::ChainQuery;

use crate::output::{Progress, note};

/// As much of a statement as a line has room for.
const HEADLINE_CHARACTERS: usize = 50;

/// Shows how a chain gets on, on stderr.
pub(super) enum Display {
    /// One line for the query that runs; nothing where no terminal is.
    Brief(Mutex<Option<Progress>>),
    /// A line for every query.
    Bars(Vec<ProgressBar>),
    /// A line for every change, where no terminal is.
    Lines(Mutex<String>),
}

impl Display {
    /// A display for queries, of which those before `from` are not run.
    pub(super) fn new(watch: bool, queries: &[ChainQuery], from: usize) -> Self {
        if !watch {
            Self::Brief(Mutex::new(Some(Progress::start("starting"))))
        } else if std::io::stderr().is_terminal() {
            Self::Bars(bars(queries, from))
        } else {
            Self::Lines(Mutex::default())
        }
    }

    /// Ends it; what is on the screen stays, except for the one line.
    pub(super) fn close(&self) {
        match self {
            // Nothing panics while it holds the lock; if something did, there is nothing to take away.
            Self::Brief(progress) => drop(progress.lock().map(|mut progress| progress.take())),
            Self::Bars(bars) => bars.iter().for_each(ProgressBar::abandon),
            Self::Lines(_) => {}
        }
    }
}

impl ChainObserver for Display {
    fn notice(&self, query: usize, event: &ChainEvent<'_>) {
        let text = sentence(event);
        match self {
            Self::Brief(progress) => {
                if let Ok(progress) = progress.lock()
                    && let Some(progress) = progress.as_ref()
                {
                    progress.step(format!("query {query}: {text}"));
                }
            }
            Self::Bars(bars) => show(&bars[query - 1], event, text),
            Self::Lines(last) => {
                let line = format!("query {query}: {text}");
                if let Ok(mut last) = last.lock()
                    && *last != line
                {
                    note(&line);
                    *last = line;
                }
            }
        }
    }
}

fn bars(queries: &[ChainQuery], from: usize) -> Vec<ProgressBar> {
    let all = MultiProgress::new();
    let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}").expect("the template is constant");
    let bar = |(index, query): (usize, &ChainQuery)| {
        let bar = all.add(ProgressBar::new_spinner().with_style(style.clone()));
        bar.set_prefix(format!("{} {}", index + 1, headline(&query.request.sql)));
        bar.set_message(if index + 1 < from { "not run" } else { "waiting" });
        bar.tick();
        bar
    };
    queries.iter().enumerate().map(bar).collect()
}

fn show(bar: &ProgressBar, event: &ChainEvent<'_>, text: String) {
    match event {
        ChainEvent::Finished(_) => bar.abandon_with_message(text),
        ChainEvent::Submitted { .. }
        | ChainEvent::Running { .. }
        | ChainEvent::Failed { .. }
        | ChainEvent::Lost { .. } => {
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_message(text);
        }
    }
}

fn sentence(event: &ChainEvent<'_>) -> String {
    let again = |attempt: u32| {
        if attempt == 1 {
            String::new()
        } else {
            format!(" (attempt {attempt})")
        }
    };
    match event {
        ChainEvent::Submitted { attempt, statement } => {
            format!("submitted as {statement}{}", again(*attempt))
        }
        ChainEvent::Running { attempt } => format!("running{}", again(*attempt)),
        ChainEvent::Failed {
            attempt,
            error,
            pause,
        } => format!(
            "attempt {attempt} failed: {error}; again in {} s",
            pause.as_secs()
        ),
        ChainEvent::Lost { error } => format!("{error}; asking again"),
        ChainEvent::Finished(outcome) => match outcome.rows {
            Some(rows) => format!("done in {:.1} s, {rows} rows", outcome.seconds),
            None => format!("done in {:.1} s", outcome.seconds),
        },
    }
}

/// A statement on one short line.
pub(super) fn headline(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= HEADLINE_CHARACTERS {
        return line;
    }
    let start: String = line.chars().take(HEADLINE_CHARACTERS - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_statement_is_cut_to_one_line() {
        assert_eq!(headline("select 1\n  from t"), "select 1 from t");
        let long = headline(&"ü ".repeat(100));
        assert_eq!(long.chars().count(), HEADLINE_CHARACTERS);
        assert!(long.ends_with('…'));
    }
}

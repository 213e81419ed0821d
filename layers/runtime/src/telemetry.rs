//! Logs: JSON lines on stdout for Lambda, text on stderr for people.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// Turns logging on. A second call changes nothing: the first one's settings stay.
pub fn init(log: &LogSettings) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let first = match log.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(io::stdout)
            .try_init(),
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .with_writer(io::stderr)
            .try_init(),
    };
    if first.is_err() {
        tracing::debug!("logging was on already");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logging_can_be_turned_on_twice() {
        init(&LogSettings::default());
        init(&LogSettings {
            filter: "not=a=filter".to_owned(),
            format: LogFormat::Text,
        });
    }
}

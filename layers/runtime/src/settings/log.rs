//! What is logged, and how.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::{AWS_LAMBDA_FUNCTION_NAME, LOG, LOG_FORMAT};

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A filter of `tracing`, such as `info` or `info,longshore_aws=debug`.
    pub filter: String,
    /// For machines or for people.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Json,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line on stdout, for Lambda.
    Json,
    /// Text on stderr, for people.
    Text,
}

pub(super) fn log(reader: &mut Reader) -> LogSettings {
    let filter = reader.or_default(LOG, "info");
    if let Err(error) = EnvFilter::builder().parse(&filter) {
        reader.fault(LOG, format!("is {filter:?}, which is no log filter ({error})"));
    }
    let format = reader.word(
        LOG_FORMAT,
        &[("json", LogFormat::Json), ("text", LogFormat::Text)],
    );
    let usual = match reader.optional(AWS_LAMBDA_FUNCTION_NAME) {
        Some(_) => LogFormat::Json,
        None => LogFormat::Text,
    };
    LogSettings {
        filter,
        format: format.unwrap_or(usual),
    }
}

//! Moments, stored as milliseconds since 1970 and shown in the forms that the services speak.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment in milliseconds since 1970-01-01T00:00:00Z: what records keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// The present, by the machine's clock.
    pub(crate) fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// This moment and a duration.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long it is until this moment; zero when it has passed.
    pub(crate) fn until(self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(Self::now().0))
    }

    /// `2026-11-21T08:00:00.123Z`, as S3 events and SNS envelopes write it.
    pub(crate) fn iso8601(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Seconds since 1970 with three decimals, as awsJson writes a timestamp.
    pub(crate) fn epoch_seconds(self) -> f64 {
        self.utc().timestamp_millis() as f64 / 1000.0
    }

    /// The same moment for interfaces that take the standard library's type.
    pub(crate) fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }

    /// The same moment cut to the second: HTTP dates carry no more, so comparisons with them need it.
    pub(crate) fn whole_seconds(self) -> Self {
        Self(self.0 / 1000 * 1000)
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::<Utc>::from(self.system_time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds_and_z() {
        assert_eq!(Moment(1_700_000_000_123).iso8601(), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_past_moment_is_no_time_away() {
        assert_eq!(Moment(1).until(), Duration::ZERO);
    }
}

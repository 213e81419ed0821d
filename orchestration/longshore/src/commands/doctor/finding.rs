//! What a check found, and what mends it.

use serde::Serialize;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Sound,
    /// Works, and whoever operates it should know.
    Notice,
    /// Keeps files from being loaded.
    Fault,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Notice => "notice",
            Self::Fault => "fault",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub check: String,
    /// How well it is.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// The command or the line that mends it.
    pub mend: Option<String>,
}

impl Finding {
    pub(super) fn sound(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            verdict: Verdict::Sound,
            seen: seen.into(),
            mend: None,
        }
    }

    pub(super) fn notice(check: impl Into<String>, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Notice,
            mend: Some(mend.into()),
            ..Self::sound(check, seen)
        }
    }

    pub(super) fn fault(check: impl Into<String>, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fault,
            mend: Some(mend.into()),
            ..Self::sound(check, seen)
        }
    }
}

//! What is wrong with the settings, all of it at once.

use std::fmt;

use longshore_domain::disposition::Disposition;

/// One setting at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// The environment variable.
    pub name: &'static str,
    /// What is wrong with it and what would be right. Never the value of a secret.
    pub what: String,
}

/// Every fault of the settings; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// The faults, in the order of the settings table.
    pub faults: Vec<SettingFault>,
}

impl SettingsError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        Disposition::Misconfigured
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => write!(formatter, "1 setting is wrong: ")?,
            count => write!(formatter, "{count} settings are wrong: ")?,
        }
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{} {}", fault.name, fault.what)?;
        }
        Ok(())
    }
}

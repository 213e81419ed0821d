//! What a process of Longshore is made of before it does any work: settings, logs, clients, and the way its errors leave it.
//!
//! [`settings`] is the only place that reads the environment; [`wiring`] the only one that builds AWS clients;
//! [`lambda`] is the `main` that the functions share. This crate must not decide anything about files or loads.
//!
//! ```
//! use longshore_runtime::settings::{Settings, SettingsError};
//!
//! let error: SettingsError = Settings::from_pairs([("archive_folder", "done"), ("timezone", "Mars/Olympus")]).unwrap_err();
//! assert!(error.to_string().contains("timezone"));
//! assert!(error.to_string().contains("secret_postgres"));
//! ```

#![warn(missing_docs)]

pub mod diagnostic;
pub mod envelope;
mod http;
pub mod lambda;
pub mod metrics;
pub mod settings;
pub mod telemetry;
pub mod wiring;

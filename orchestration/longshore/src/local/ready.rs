//! The ready file: where everything of a running local stack is.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use longshore_runtime::settings;
use longshore_runtime::wiring::AwsAccess;
use serde::{Deserialize, Serialize};

use crate::exit::input;

/// What `local up` prints and, with `--ready-file`, writes. Any AWS client pointed at `endpoint_url` works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadyFile {
    pub endpoint_url: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub bucket: String,
    pub input_prefix: String,
    pub archive_folder: String,
    pub processing_folder: String,
    pub control_database_url: String,
    pub warehouse_database_url: String,
    pub topic_arn: String,
    pub notifications_queue_url: String,
    pub queued_input_prefix: String,
    pub intake_queue_url: String,
    pub undelivered_queue_url: String,
    pub cluster_identifier: String,
    pub database: String,
    pub iam_role: String,
    pub secret_postgres: String,
    pub secret_redshift: String,
    pub functions: Vec<String>,
    pub data_dir: String,
    pub process_id: u32,
}

impl ReadyFile {
    /// Reads a ready file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            input(format!(
                "no local stack is described by {}: {error}; start one with: longshore local up --ready-file {}",
                path.display(),
                path.display()
            ))
        })?;
        serde_json::from_str(&text).map_err(|error| {
            input(format!(
                "{} is no ready file of a local stack: {error}",
                path.display()
            ))
        })
    }

    /// Writes it whole or not at all, so that whoever waits for it never reads half.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("encode ready file")?;
        let draft = path.with_extension("draft");
        write_private(&draft, &(text + "\n")).with_context(|| format!("write {}", draft.display()))?;
        std::fs::rename(&draft, path).with_context(|| format!("write {}", path.display()))
    }

    /// The settings of the functions of this stack.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            (settings::REGION, self.region.clone()),
            (settings::SECRET_POSTGRES, self.secret_postgres.clone()),
            (settings::SECRET_REDSHIFT, self.secret_redshift.clone()),
            (settings::SNS_TOPIC_ARN, self.topic_arn.clone()),
            (settings::IAM_ROLE, self.iam_role.clone()),
            (settings::ARCHIVE_FOLDER, self.archive_folder.clone()),
            (settings::PROCESSING_FOLDER, self.processing_folder.clone()),
            (
                settings::WATCHED_PREFIXES,
                format!("s3://{}/{}", self.bucket, self.input_prefix),
            ),
        ]
    }

    /// How an AWS client reaches this stack.
    pub(crate) fn access(&self) -> AwsAccess {
        AwsAccess::Fixed {
            endpoint_url: self.endpoint_url.clone(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
        }
    }
}

/// The databases' password is in it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    // What a writer that died left there has whatever mode it has.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

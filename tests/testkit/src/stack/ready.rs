//! The ready file as a stranger reads it: the test kit shares no type with the program that writes it.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// Where everything of a running local deployment is.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the fields are named for what they hold")]
pub struct Ready {
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
    pub process_id: i32,
}

impl Ready {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("understand {}", path.display()))
    }
}

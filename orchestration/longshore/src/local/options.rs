//! What a local stack is made of.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use longshore_local_stack::{FaultPlan, Isolation};
use tempfile::TempDir;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "000000000000";
/// The keys open nothing but the local endpoint.
pub(crate) const ACCESS_KEY_ID: &str = "AKIALOCALLONGSHORE00";
pub(crate) const SECRET_ACCESS_KEY: &str = "local-secret-access-key";
pub(crate) const BUCKET: &str = "longshore-landing";
pub(crate) const INPUT_PREFIX: &str = "external_input/";
pub(crate) const ARCHIVE_FOLDER: &str = "archive";
pub(crate) const PROCESSING_FOLDER: &str = "processing";
pub(crate) const TOPIC: &str = "longshore-outcomes";
pub(crate) const QUEUE: &str = "longshore-notifications";
/// What lands here is announced through [`INTAKE_QUEUE`].
pub(crate) const QUEUED_INPUT_PREFIX: &str = "queued_input/";
pub(crate) const INTAKE_QUEUE: &str = "longshore-intake";
pub(crate) const UNDELIVERED_QUEUE: &str = "longshore-undelivered";
pub(crate) const CLUSTER: &str = "longshore-local";
pub(crate) const WORKGROUP: &str = "longshore-local-workgroup";
pub(crate) const CONTROL_DATABASE: &str = "control";
pub(crate) const WAREHOUSE_DATABASE: &str = "warehouse";
pub(crate) const SECRET_POSTGRES: &str = "longshore/postgres";
pub(crate) const SECRET_REDSHIFT: &str = "longshore/redshift";
pub(crate) const IAM_ROLE: &str = "arn:aws:iam::000000000000:role/longshore-copy";
/// The functions' role, with the rights that the template gives it.
pub(crate) const FUNCTIONS_ROLE: &str = "arn:aws:iam::000000000000:role/longshore-functions";
pub(crate) const DATABASE_USER: &str = "longshore";
/// A data folder that was made before its superuser had a password lets everybody in; clients want one all the same.
pub(crate) const DATABASE_PASSWORD: &str = "local";

/// The longest that Lambda allows.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(900);

/// How to start.
#[derive(Debug)]
pub(crate) struct LocalOptions {
    /// Where state is kept.
    pub data: DataFolder,
    /// The endpoint's port; 0 takes any free one.
    pub port: u16,
    /// Whether the sample rules and tables are loaded too.
    pub samples: bool,
    /// What the warehouse's transactions see of each other.
    pub isolation: Isolation,
    /// What goes wrong on purpose.
    pub faults: FaultPlan,
    /// How long an invocation of a function may take.
    pub function_timeout: Duration,
    /// What the functions' environment has besides.
    pub function_settings: Vec<(String, String)>,
}

/// Where a stack keeps its state.
#[derive(Debug)]
pub(crate) enum DataFolder {
    /// A folder of the user's, which outlives the stack and a power cut.
    Kept(PathBuf),
    /// A folder that is removed with the stack; nothing in it is worth waiting for a disk.
    Temporary(TempDir),
}

impl DataFolder {
    /// The user's folder, or a temporary one.
    pub(crate) fn new(kept: Option<PathBuf>) -> anyhow::Result<Self> {
        match kept {
            Some(path) => {
                make_private(&path).with_context(|| format!("make data folder {}", path.display()))?;
                let path = path
                    .canonicalize()
                    .with_context(|| format!("find data folder {}", path.display()))?;
                Ok(Self::Kept(path))
            }
            None => Ok(Self::Temporary(
                tempfile::Builder::new()
                    .prefix("longshore-")
                    .tempdir()
                    .context("make temporary data folder")?,
            )),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// From now on the folder is the user's.
    pub(crate) fn keep(&mut self) {
        if let Self::Temporary(folder) = self {
            folder.disable_cleanup(true);
            *self = Self::Kept(folder.path().to_owned());
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// A folder that is there keeps the mode that its owner gave it. Of a new one others see no list; PostgreSQL's own user, where root starts
/// it, has to pass through.
fn make_private(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o711))
}

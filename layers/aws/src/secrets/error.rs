//! Why a secret could not be used.

use std::error::Error;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::BoxError;
use longshore_domain::disposition::Disposition;

use crate::fault::{CallError, Fault};

/// Why a secret could not be used. Names the secret and the field, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager did not answer or was busy.
    #[error("the secret {secret_id} could not be read")]
    Unavailable {
        /// The secret asked for.
        secret_id: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// We may not.
    #[error(
        "access to the secret {secret_id} was denied; grant secretsmanager:GetSecretValue on it (and kms:Decrypt on its key) to the function's role"
    )]
    Denied {
        /// The secret asked for.
        secret_id: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// There is none of that name in this account and region.
    #[error("there is no secret {secret_id} in this account and region")]
    NotFound {
        /// The secret asked for.
        secret_id: String,
    },
    /// Secrets Manager refused: the secret is being deleted, or the name is none.
    #[error("secrets manager refused to give the secret {secret_id}")]
    Refused {
        /// The secret asked for.
        secret_id: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// It is no JSON object.
    #[error("the secret {secret_id} is no JSON object; expected {shape}")]
    Malformed {
        /// The secret asked for.
        secret_id: String,
        /// What it should look like.
        shape: &'static str,
    },
    /// A field is missing or empty.
    #[error("the secret {secret_id} has no field {field}; expected {shape}")]
    FieldMissing {
        /// The secret asked for.
        secret_id: String,
        /// The field, with the other names it may have.
        field: &'static str,
        /// What the secret should look like.
        shape: &'static str,
    },
    /// A field holds something of another kind.
    #[error("the field {field} of the secret {secret_id} is not {expected}; expected {shape}")]
    FieldInvalid {
        /// The secret asked for.
        secret_id: String,
        /// The field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What the secret should look like.
        shape: &'static str,
    },
}

impl SecretsError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable { .. } => Disposition::Retry,
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::FieldMissing { .. }
            | Self::FieldInvalid { .. } => Disposition::Misconfigured,
        }
    }
}

pub(super) fn failed<E>(secret_id: &str, error: CallError<E>) -> SecretsError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let fault = Fault::of(&error);
    let (secret_id, source): (_, BoxError) = (secret_id.to_owned(), Box::new(error));
    match fault {
        Fault::Unavailable | Fault::Busy => SecretsError::Unavailable { secret_id, source },
        Fault::Denied => SecretsError::Denied { secret_id, source },
        Fault::Missing => SecretsError::NotFound { secret_id },
        Fault::ConditionFailed | Fault::Refused => SecretsError::Refused { secret_id, source },
    }
}

//! Loads that an operator stopped.

use longshore_domain::load::LoadId;
use longshore_store::{Operation, OperationKind};

use crate::{App, AppError};

/// The stable word for it.
pub(crate) const CANCELLED: &str = "cancelled";

/// Who stopped the load and why, if somebody did.
pub(crate) async fn cancelled_by_hand(app: &App, load: LoadId) -> Result<Option<String>, AppError> {
    let operations = app.store.operations(load).await?;
    let cancel = operations
        .iter()
        .rfind(|done| done.operation == OperationKind::Cancel);
    Ok(cancel.map(sentence))
}

fn sentence(cancel: &Operation) -> String {
    format!("{} cancelled it: {}", cancel.operator, cancel.reason)
}

//! The Data API as a chain of queries uses it: any statement, anywhere, watched and cancelled.

use async_trait::async_trait;
use longshore_domain::chain::StatementRequest;

use super::{StatementReport, WarehouseError};

/// Runs single statements that say themselves where they run.
#[async_trait]
pub trait StatementClient: Send + Sync {
    /// Hands a statement over under a name, unless the request has one. Gives the service's statement id. The same token
    /// within eight hours gives the first call's id and runs nothing again.
    async fn execute(
        &self,
        request: &StatementRequest,
        name: &str,
        client_token: &str,
    ) -> Result<String, WarehouseError>;

    /// How a statement stands.
    async fn look(&self, statement_id: &str) -> Result<StatementReport, WarehouseError>;

    /// Asks for a statement to be given up. It may end otherwise all the same: look again.
    async fn cancel(&self, statement_id: &str) -> Result<(), WarehouseError>;
}

//! Where a file goes when it is done with: planned on the ledger before it is moved, so that every try moves it to one place.

use longshore_domain::load::LoadId;
use longshore_domain::object::ObjectKey;

use crate::load::no_such_load;
use crate::queries::Query;
use crate::read::Reader;
use crate::store::Parameters;
use crate::{Store, StoreError};

impl Store {
    /// Plans where the file goes, and gives the plan that stands: the first one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn plan_archive(&self, load: LoadId, key: &ObjectKey) -> Result<ObjectKey, StoreError> {
        self.planned(Query::LoadPlanArchive, load, &[&load.as_uuid(), &key.as_str()])
            .await
    }

    /// Plans anew because something lies at `old` already, and gives the plan that stands: somebody else may have been faster.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn replan_archive(
        &self,
        load: LoadId,
        old: &ObjectKey,
        new: &ObjectKey,
    ) -> Result<ObjectKey, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &old.as_str(), &new.as_str()];
        self.planned(Query::LoadReplanArchive, load, parameters).await
    }

    async fn planned(
        &self,
        query: Query,
        load: LoadId,
        parameters: Parameters<'_>,
    ) -> Result<ObjectKey, StoreError> {
        let rows = self.rows(query, parameters).await?;
        let row = rows.first().ok_or_else(|| no_such_load(query.name(), load))?;
        let key: Option<String> = Reader::new(row, "ext_file_load").get("archived_key")?;
        key.map(ObjectKey::new).ok_or_else(|| StoreError::NotFound {
            action: query.name(),
            what: format!("plan for the file of load {load}"),
        })
    }
}

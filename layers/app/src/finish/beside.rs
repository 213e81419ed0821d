//! Saying of a file that was loaded beside the rows of another one under its key: where files are appended, a corrected one does not take
//! the place of the one that it corrects.

use std::collections::HashMap;

use longshore_domain::load::LoadId;
use longshore_domain::target::TableName;
use longshore_store::{Beside, Load};
use tracing::info;

use super::FinishStatement;
use crate::plan::LoadPlan;
use crate::{AppError, deletion};

impl FinishStatement<'_> {
    /// What a person should know of the rows beside those of a load that was appended.
    pub(super) fn remark_beside(
        &self,
        load: &Load,
        plan: &LoadPlan,
        beside: Option<&Beside>,
    ) -> Result<Option<String>, AppError> {
        let Some(beside) = beside.filter(|_| says_nothing_of_others(plan)) else {
            return Ok(None);
        };
        let table = load.table.as_ref().unwrap_or(&plan.table);
        let remark = remark(table, beside)?;
        info!("loaded {}: {remark}", load.object.key);
        Ok(Some(remark))
    }

    /// The rows beside those of each file of a batch.
    pub(super) async fn beside_carried(
        &self,
        batch: &Load,
        plan: &LoadPlan,
    ) -> Result<HashMap<LoadId, Beside>, AppError> {
        if !says_nothing_of_others(plan) {
            return Ok(HashMap::new());
        }
        let carried = self.app.store.carried(batch.id).await?;
        Ok(self.app.store.beside(&carried).await?)
    }
}

/// Whether the rows that are there stay whatever comes. Of a set each rule may say another thing.
fn says_nothing_of_others(plan: &LoadPlan) -> bool {
    plan.mode.is_append() && plan.sections.is_empty()
}

fn remark(table: &TableName, beside: &Beside) -> Result<String, AppError> {
    let load = beside.load;
    let (more, they) = match beside.are_more {
        true => (", and of earlier ones,", "its own"),
        false => ("", "they"),
    };
    let out = match (&beside.load_id_column, beside.batch) {
        (Some(column), None) => format!(
            "if this file takes its place: {}",
            deletion::of_rows(table, column, load)?
        ),
        (Some(_), Some(batch)) => format!(
            "if this file takes its place, delete them by hand: {they} have the id of batch {batch}, as those of its other files"
        ),
        (None, _) => format!("if this file takes its place, delete them by hand: {they} hold no load id"),
    };
    Ok(format!(
        "the rows of load {load}{more} of another file under the same key stay in {table} beside these; {out}"
    ))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn told(load_id_column: Option<&str>, batch: Option<u128>, are_more: bool) -> String {
        let id = |number| LoadId::from_uuid(Uuid::from_u128(number));
        let beside = Beside {
            load: id(1),
            batch: batch.map(id),
            load_id_column: load_id_column.map(str::to_owned),
            are_more,
        };
        remark(&TableName::new("s", "price"), &beside).unwrap()
    }

    #[test]
    fn it_is_said_how_the_rows_are_taken_out() {
        insta::assert_snapshot!(told(Some("load_id"), None, false), @r#"the rows of load 00000000-0000-0000-0000-000000000001 of another file under the same key stay in s.price beside these; if this file takes its place: DELETE FROM "s"."price" WHERE "load_id" = '00000000-0000-0000-0000-000000000001'"#);
        insta::assert_snapshot!(told(None, None, true), @"the rows of load 00000000-0000-0000-0000-000000000001, and of earlier ones, of another file under the same key stay in s.price beside these; if this file takes its place, delete them by hand: its own hold no load id");
        assert!(
            told(Some("load_id"), Some(2), false)
                .contains("id of batch 00000000-0000-0000-0000-000000000002")
        );
    }
}

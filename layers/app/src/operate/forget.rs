//! Letting a file that was loaded be loaded again when it is sent again.

use longshore_domain::rule::FileRule;
use longshore_store::{Forgotten, Load};

use super::{Judged, Operate};
use crate::{AppError, deletion};

impl Operate<'_> {
    /// Whether the content of a load can be forgotten, and what that means.
    pub async fn judge_forget(&self, load: &Load) -> Result<Judged<String>, AppError> {
        if load.finished_at.is_none() {
            return Ok(Err(format!(
                "it is {} and not done; wait for its end, or see: longshore load show {}",
                load.state, load.id
            )));
        }
        if load.forgotten_at.is_some() {
            return Ok(Err(
                "it is forgotten already; the next time the file is sent it is loaded".to_owned(),
            ));
        }
        let others = self.app.store.same_content(load.id).await?;
        if let Some(other) = others.iter().find(|other| other.is_under_way) {
            return Ok(Err(format!(
                "load {} of the same content is under way; look again when it is done",
                other.load
            )));
        }
        let parts = self.app.store.children(load.id).await?;
        let has_rows = load.loaded_at.is_some() || parts.iter().any(|part| part.loaded_at.is_some());
        if !has_rows && others.iter().all(|other| !other.has_rows) {
            return Ok(Err(format!(
                "nothing of it is loaded, so it is loaded when it is sent again; from where it lies: longshore load \
                 replay {} --why TEXT",
                load.id
            )));
        }
        let mut sentence =
            "load the file when it is sent again; rows of it that are in the table stay, so delete them first".to_owned();
        if let Some(sql) = self.deletion(load).await? {
            sentence.push_str(": ");
            sentence.push_str(&sql);
        }
        Ok(Ok(sentence))
    }

    /// The statement that deletes a load's rows, where they can be told from others.
    async fn deletion(&self, load: &Load) -> Result<Option<String>, AppError> {
        // The rows of a batch have the batch's id.
        let (Some(rule), Some(table), None, true) =
            (load.rule, &load.table, load.batch, load.loaded_at.is_some())
        else {
            return Ok(None);
        };
        let row = self.app.store.rule(rule).await?;
        let Some(column) = row
            .and_then(|row| FileRule::from_row(&row).ok())
            .and_then(|rule| rule.load_id_column)
        else {
            return Ok(None);
        };
        deletion::of_rows(table, &column, load.id).map(Some)
    }

    /// Forgets the content of a load; refused when another load of it began meanwhile.
    pub async fn forget(&self, load: &Load) -> Result<Judged<String>, AppError> {
        let now = self.app.clock.now();
        Ok(match self.app.store.forget(load.id, self.operator, now).await? {
            Forgotten::Loads(loads) if loads.is_empty() => Err("it is forgotten already".to_owned()),
            Forgotten::Loads(loads) => {
                let ids: Vec<_> = loads.iter().map(ToString::to_string).collect();
                Ok(format!("forgot load {}", ids.join(", ")))
            }
            Forgotten::Busy(other) => Err(format!(
                "load {other} of the same content is under way; look again when it is done"
            )),
        })
    }
}

//! Loads together with what came of those that failed.

use std::collections::HashMap;

use longshore_domain::load::{LoadId, LoadState};
use longshore_store::{Load, Sequel, Store};
use serde::Serialize;

use super::super::cells::{fault, file, moment, number, trouble};

/// What came of some loads.
pub(crate) struct Sequels(HashMap<LoadId, Sequel>);

/// A load, and what came of it if it failed.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    #[serde(flatten)]
    load: &'a Load,
    /// The code and the sentence of what failed, also of its transformation, which has no error of the load's own.
    fault: Option<String>,
    outcome: Option<&'a Sequel>,
}

impl Sequels {
    pub(crate) async fn of(loads: &[Load], store: &Store) -> anyhow::Result<Self> {
        let ids: Vec<_> = loads.iter().map(|load| load.id).collect();
        Ok(Self(store.sequels(&ids).await?))
    }

    /// What came of a load that failed.
    pub(crate) fn get(&self, load: &Load) -> Option<&Sequel> {
        self.0.get(&load.id)
    }

    /// The loads for machines.
    pub(crate) fn told<'a>(&'a self, loads: &'a [Load]) -> Vec<Told<'a>> {
        let told = |load| Told {
            load,
            fault: fault(load),
            outcome: self.get(load),
        };
        loads.iter().map(told).collect()
    }

    /// The loads for people, under [`super::HEADER`].
    pub(super) fn rows(&self, loads: &[Load]) -> Vec<Vec<String>> {
        loads.iter().map(|load| self.row(load)).collect()
    }

    fn row(&self, load: &Load) -> Vec<String> {
        vec![
            load.id.to_string(),
            file(load),
            load.state.to_string(),
            self.outcome(load).unwrap_or_default(),
            number(load.rows_loaded),
            load.table.as_ref().map(ToString::to_string).unwrap_or_default(),
            moment(load.received_at),
            trouble(load),
        ]
    }

    /// What came of a load that is not in the warehouse, in words.
    pub(crate) fn outcome(&self, load: &Load) -> Option<String> {
        if load.state == LoadState::Skipped {
            return Some(load.remarks.join("; "));
        }
        self.get(load).map(|sequel| in_words(sequel, load.batch))
    }
}

fn in_words(sequel: &Sequel, batch: Option<LoadId>) -> String {
    match (&sequel.replayed_as, sequel.replaced_by, batch) {
        (Some(replay), _, _) => {
            let how = match replay.state {
                LoadState::Complete | LoadState::Split | LoadState::Skipped => String::new(),
                state => format!(", which is {state}"),
            };
            format!("replayed as {}{how}", replay.load)
        }
        (None, Some(newer), _) => format!("replaced by {newer}"),
        (None, None, _) if sequel.is_open => "open".to_owned(),
        (None, None, Some(batch)) => format!("see batch {batch}"),
        (None, None, None) => "see its files".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_store::ReplayedAs;
    use uuid::Uuid;

    use super::*;

    const ID: LoadId = LoadId::from_uuid(Uuid::nil());

    fn sequel() -> Sequel {
        Sequel {
            replayed_as: None,
            replaced_by: None,
            is_open: false,
        }
    }

    #[test]
    fn a_replay_that_is_not_done_is_told_with_how_it_stands() {
        let told = |state| {
            let replayed_as = Some(ReplayedAs { load: ID, state });
            let sequel = Sequel {
                replayed_as,
                ..sequel()
            };
            in_words(&sequel, None)
        };
        assert_eq!(told(LoadState::Complete), format!("replayed as {ID}"));
        assert_eq!(
            told(LoadState::Failed),
            format!("replayed as {ID}, which is failed")
        );
    }

    #[test]
    fn what_is_told_elsewhere_says_where() {
        let replaced = Sequel {
            replaced_by: Some(ID),
            ..sequel()
        };
        assert_eq!(in_words(&replaced, None), format!("replaced by {ID}"));
        assert_eq!(in_words(&sequel(), Some(ID)), format!("see batch {ID}"));
        assert_eq!(in_words(&sequel(), None), "see its files");
        let open = Sequel {
            is_open: true,
            ..sequel()
        };
        assert_eq!(in_words(&open, Some(ID)), "open");
    }
}

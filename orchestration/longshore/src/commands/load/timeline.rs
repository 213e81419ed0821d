//! `load timeline`: what became of a load, and when.

use longshore_domain::load::LoadId;
use longshore_store::Store;
use serde_json::json;

use super::super::cells::{moment, waiting};
use super::find;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Prints every change of state, and what was done by hand.
pub(super) async fn timeline(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let history = store.history(id).await?;
    let operations = store.operations(id).await?;
    if output.is_json() {
        let changes = history.iter().map(|change| (change.at, json!(change)));
        let by_hand = operations.iter().map(|done| (done.at, json!(done)));
        let mut all: Vec<_> = changes.chain(by_hand).collect();
        all.sort_by_key(|(at, _)| *at);
        let all: Vec<_> = all.into_iter().map(|(_, entry)| entry).collect();
        output.json(&all)?;
        return Ok(ExitStatus::Done);
    }
    let changes = history.iter().map(|change| {
        let note = change.note.clone().unwrap_or_default();
        (change.at, change.to.to_string(), note, change.actor.clone())
    });
    let by_hand = operations.iter().map(|done| {
        let what = format!("({})", done.operation.as_str());
        (done.at, what, done.reason.clone(), done.operator.clone())
    });
    let mut all: Vec<_> = changes.chain(by_hand).collect();
    all.sort_by_key(|(at, ..)| *at);
    let mut before = all.first().map(|(at, ..)| *at).unwrap_or_default();
    let mut rows = Vec::with_capacity(all.len());
    for (at, what, note, by) in all {
        let after = at - before;
        rows.push(vec![
            moment(at),
            format!("+{} ms", after.num_milliseconds()),
            what,
            note,
            by,
        ]);
        before = at;
    }
    if load.due_at.is_some() {
        let note = load.retry.error.clone().unwrap_or_default();
        rows.push(vec![
            waiting(&load),
            String::new(),
            "due".to_owned(),
            note,
            String::new(),
        ]);
    }
    output.table(&["at", "after", "state", "note", "by"], rows)?;
    Ok(ExitStatus::Done)
}

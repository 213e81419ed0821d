//! Ids that were typed by their beginnings: the one that is meant, or which it may be.

use longshore_domain::load::LoadId;
use longshore_store::{IdKind, Identified, Store};
use uuid::Uuid;

use crate::cli::IdArgument;
use crate::exit::input;

/// So many that begin alike are named.
const MOST_NAMED: u32 = 10;

/// What is asked for by an id.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// A load; a batch is one too.
    Load,
    /// A batch, or a buffer that one is made of.
    Batch,
}

impl Wanted {
    fn is(self, kind: IdKind) -> bool {
        match self {
            Self::Load => kind != IdKind::Buffer,
            Self::Batch => kind != IdKind::Load,
        }
    }

    fn none(self, text: &str) -> String {
        match self {
            Self::Load => format!("there is no load whose id begins with {text}; see: longshore load list"),
            Self::Batch => format!(
                "there is no batch and no buffer whose id begins with {text}; see: longshore batch list"
            ),
        }
    }
}

/// The load, or the batch, that is meant. Of a whole id it is not asked whether there is one.
pub(crate) async fn load_id(store: &Store, id: &IdArgument) -> anyhow::Result<LoadId> {
    let meant = the_one(store, id, Wanted::Load).await?;
    Ok(LoadId::from_uuid(meant))
}

/// The batch, the buffer or the set that is meant.
pub(crate) async fn batch_id(store: &Store, id: &IdArgument) -> anyhow::Result<Uuid> {
    the_one(store, id, Wanted::Batch).await
}

async fn the_one(store: &Store, id: &IdArgument, wanted: Wanted) -> anyhow::Result<Uuid> {
    if let Some(whole) = id.whole() {
        return Ok(whole);
    }
    // One more, to see that there are more.
    let mut found = store.identified(id.from, id.to, MOST_NAMED + 1).await?;
    found.retain(|found| wanted.is(found.kind));
    match &found[..] {
        [one] => Ok(one.id),
        [] => Err(input(wanted.none(&id.text))),
        several => Err(input(ambiguous(&id.text, several))),
    }
}

fn ambiguous(text: &str, found: &[Identified]) -> String {
    let most = MOST_NAMED as usize;
    let named: Vec<_> = found.iter().take(most).map(in_words).collect();
    let more = if found.len() > most { "; and more" } else { "" };
    format!(
        "several ids begin with {text}; type more of the one that is meant: {}{more}",
        named.join("; ")
    )
}

fn in_words(found: &Identified) -> String {
    let state = found.state.map(|state| format!(", {state}")).unwrap_or_default();
    format!("{} ({} {}{state})", found.id, found.kind.as_str(), found.name)
}

#[cfg(test)]
mod tests {
    use longshore_domain::load::LoadState;

    use super::*;

    #[test]
    fn ids_that_begin_alike_are_told_with_what_they_are() {
        let found = |number: u128, kind, state| Identified {
            id: Uuid::from_u128(number),
            kind,
            name: "A_701.txt".to_owned(),
            state,
        };
        let two = [
            found(1, IdKind::Load, Some(LoadState::Failed)),
            found(2, IdKind::Buffer, None),
        ];
        assert_eq!(
            ambiguous("00000000", &two),
            "several ids begin with 00000000; type more of the one that is meant: 00000000-0000-0000-0000-000000000001 \
             (load A_701.txt, failed); 00000000-0000-0000-0000-000000000002 (buffer A_701.txt)"
        );
        let many: Vec<_> = (0..12).map(|number| found(number, IdKind::Load, None)).collect();
        assert!(ambiguous("00000000", &many).ends_with("; and more"));
    }
}

//! What became of the rows that a committed load did not move.

use longshore_domain::rule::LoadMode;
use longshore_store::Load;

use crate::plan::LoadPlan;

/// How many rows COPY refused. A merge moves fewer rows than COPY read for a better reason, so that there it is known only where
/// COPY may refuse none.
pub(super) fn rejected(expected: Option<u64>, loaded: Option<u64>, plan: &LoadPlan) -> Option<u64> {
    let expected = expected?;
    match plan.mode {
        LoadMode::Merge(_) => (plan.max_errors == Some(0)).then_some(0),
        LoadMode::Append | LoadMode::Truncate | LoadMode::ReplacePeriod(_) => {
            Some(expected.saturating_sub(loaded?))
        }
    }
}

/// What a person should know of a merge that moved fewer rows than were read.
pub(super) fn remark(load: &Load, mode: &LoadMode) -> Option<String> {
    let LoadMode::Merge(_) = mode else { return None };
    let read = load.rows_expected?.saturating_sub(load.rows_rejected?);
    match read.saturating_sub(load.rows_loaded?) {
        0 => None,
        1 => Some(
            "1 row of the file changed nothing: the table or the file has one as new or newer".to_owned(),
        ),
        older => Some(format!(
            "{older} rows of the file changed nothing: the table or the file has some as new or newer"
        )),
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::rule::MergeBy;

    use super::*;
    use crate::finish::outcome::tests::plan;

    fn merge(max_errors: Option<u64>) -> LoadPlan {
        LoadPlan {
            mode: LoadMode::Merge(MergeBy {
                keys: vec!["id".to_owned()],
                order: vec![],
            }),
            max_errors,
            ..plan()
        }
    }

    #[test]
    fn rows_that_a_merge_left_out_are_not_called_rejected() {
        assert_eq!(rejected(Some(10), Some(3), &plan()), Some(7));
        assert_eq!(rejected(Some(10), Some(3), &merge(Some(0))), Some(0));
        assert_eq!(rejected(Some(10), Some(3), &merge(Some(5))), None);
        assert_eq!(rejected(Some(10), Some(3), &merge(None)), None);
    }

    #[test]
    fn what_nobody_counted_is_not_known() {
        assert_eq!(rejected(None, Some(3), &plan()), None);
        assert_eq!(rejected(Some(3), None, &plan()), None);
    }
}

//! The stage: what COPY fills and what is counted before any row meets the target.

use super::parts::Parts;
use super::quote::list;
use super::{EXTRA_TYPE, LOAD_TIME_COLUMN, LoadRequest};
use crate::spec::CopySpec;

impl Parts {
    /// A stage made by LIKE has the target's defaults, which [`Self::fill_lineage`] needs.
    pub(super) fn create_stage(&self, spec: &CopySpec) -> String {
        if self.is_found_by_name(spec) {
            return format!(
                "CREATE TEMP TABLE {} (LIKE {} INCLUDING DEFAULTS)",
                self.stage, self.target
            );
        }
        format!(
            "CREATE TEMP TABLE {} AS SELECT {} FROM {} WHERE 1 = 0",
            self.stage,
            self.selected_columns(),
            self.target
        )
    }

    pub(super) fn copy(&self, spec: &CopySpec) -> String {
        let mut clauses = Vec::new();
        clauses.push(if self.columns.is_empty() || spec.is_columnar() {
            format!("COPY {}", self.stage)
        } else {
            format!("COPY {} ({})", self.stage, list(&self.columns))
        });
        clauses.push(format!("FROM {}", self.manifest_url));
        clauses.push(if self.iam_role.as_str().eq_ignore_ascii_case("default") {
            "IAM_ROLE default".to_owned()
        } else {
            format!("IAM_ROLE {}", self.iam_role)
        });
        clauses.push("MANIFEST".to_owned());
        if !spec.is_columnar() && !self.region.as_str().is_empty() {
            clauses.push(format!("REGION {}", self.region));
        }
        clauses.extend(spec.clauses());
        clauses.join("\n")
    }

    /// Absent when nobody counted, or when COPY may leave out any number of rows, unless none at all would leave nothing where
    /// there was something.
    pub(super) fn count(&self, request: &LoadRequest<'_>) -> Option<String> {
        let fewest = self.mode.fewest_rows();
        let counted = request.rows_expected.zip(request.spec.max_errors());
        let is_right = match counted {
            Some((expected, 0)) => format!("= {expected}"),
            Some((expected, errors)) => {
                let least = expected.saturating_sub(errors).max(fewest.min(expected));
                format!("BETWEEN {least} AND {expected}")
            }
            None if fewest > 0 => format!(">= {fewest}"),
            None => return None,
        };
        Some(format!(
            "SELECT 1 / (CASE WHEN COUNT(*) {is_right} THEN 1 ELSE 0 END) FROM {}",
            self.stage
        ))
    }

    /// Whether COPY looks for every column of the table by its name.
    fn is_found_by_name(&self, spec: &CopySpec) -> bool {
        self.columns.is_empty() && !spec.is_columnar()
    }

    /// When the rule lists no columns the stage has the target's own lineage columns, and they are filled in there.
    pub(super) fn fill_lineage(&self, request: &LoadRequest<'_>) -> Option<String> {
        if !self.columns.is_empty() || self.lineage.is_empty() {
            return None;
        }
        let mut assignments: Vec<String> = self
            .lineage
            .iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        if self.is_found_by_name(request.spec) && request.file_name_column.is_some() {
            assignments.push(format!("\"{LOAD_TIME_COLUMN}\" = DEFAULT"));
        }
        Some(format!("UPDATE {} SET {}", self.stage, assignments.join(", ")))
    }

    /// What the stage is made of: the table's columns, and texts for those that it lacks.
    fn selected_columns(&self) -> String {
        if self.columns.is_empty() {
            return "*".to_owned();
        }
        let texts = self
            .extra
            .iter()
            .map(|extra| format!("CAST(NULL AS {EXTRA_TYPE}) AS {}", extra.column));
        let columns = self.of_the_table().map(ToString::to_string).chain(texts);
        columns.collect::<Vec<_>>().join(", ")
    }
}

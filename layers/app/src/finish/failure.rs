//! What a failed load transaction is called and how it is explained.

use longshore_copy::snapshot::is_refusal_of_newer;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::matching::fill_placeholders;
use longshore_domain::rule::{LoadMode, MergeBy, Period};
use longshore_domain::statement::LoadStep;
use longshore_store::Load;

use crate::plan::LoadPlan;

/// The stable word for a failure: the step that it happened in.
pub(super) fn failure_code(step: Option<LoadStep>) -> &'static str {
    match step {
        Some(LoadStep::Lock) => "marker_lock_failed",
        Some(LoadStep::Guard) => "guard_failed",
        Some(LoadStep::Stage) => "stage_failed",
        Some(LoadStep::Copy) => "copy_failed",
        Some(LoadStep::Count) => "row_count_differs",
        Some(LoadStep::KeysPresent) => "merge_key_missing",
        Some(LoadStep::KeysUnique) => "merge_key_repeated",
        Some(LoadStep::Period) => "period_differs",
        Some(LoadStep::PreSql) => "pre_sql_failed",
        Some(LoadStep::Newest | LoadStep::Outdated) => "merge_failed",
        Some(LoadStep::Replace) => "replace_failed",
        Some(LoadStep::Insert) => "insert_failed",
        Some(LoadStep::PostSql) => "post_sql_failed",
        Some(LoadStep::Marker) => "marker_failed",
        Some(LoadStep::FollowUp) => "follow_up_failed",
        None => "statement_failed",
    }
}

/// The checks themselves can only divide by zero; says what that means.
pub(super) fn explained(
    step: Option<LoadStep>,
    fault: WarehouseFault,
    error: String,
    load: &Load,
    plan: &LoadPlan,
) -> String {
    if fault != WarehouseFault::Data {
        return error;
    }
    if !plan.sections.is_empty() {
        return error;
    }
    match (step, &plan.mode) {
        (Some(LoadStep::Count), _) => wrong_count(load, plan),
        (Some(LoadStep::KeysPresent), LoadMode::Merge(by)) => missing_key(by),
        (Some(LoadStep::KeysUnique), LoadMode::Merge(by)) => repeated_key(by),
        (Some(LoadStep::PreSql), _) if refuses_newer(plan) => newer_came(load, plan, error),
        (Some(LoadStep::Period), LoadMode::ReplacePeriod(period)) => other_period(period, load, &error),
        _ => error,
    }
}

/// Where nobody counted, or any number of rows may be left out, the count only wants some.
fn wrong_count(load: &Load, plan: &LoadPlan) -> String {
    match load.rows_expected.zip(plan.max_errors) {
        Some((expected, _)) => format!(
            "the warehouse did not read as many rows from the file as were counted in it ({expected}); \
             nothing was loaded. Check delimiter, quoting and escape_char of the rule"
        ),
        None => format!(
            "the warehouse read no row from the file, and load_mode {} would have deleted rows for nothing; nothing was \
             changed",
            plan.mode
        ),
    }
}

/// Whether the statement before the rows is the one that lets no snapshot take the place of newer data.
fn refuses_newer(plan: &LoadPlan) -> bool {
    let statement = plan
        .index_of(LoadStep::PreSql)
        .and_then(|index| plan.statements.get(index));
    statement.is_some_and(|statement| is_refusal_of_newer(statement))
}

/// Both dates: that of the data, and the one from which on the table held some by then.
fn newer_came(load: &Load, plan: &LoadPlan, error: String) -> String {
    match (load.captures.get("data_date"), load.captures.get("period_end")) {
        (Some(date), Some(end)) => format!(
            "the data of {date} was overtaken: while it was on its way, another load brought rows of {end} or later into {}; nothing \
             was changed. Older data goes in only with --force",
            plan.table
        ),
        _ => error,
    }
}

fn missing_key(by: &MergeBy) -> String {
    format!(
        "a row of the file has no value in a column of merge_keys ({}), so that it can neither be merged nor told from \
         another; nothing was loaded. Mend the file, or the columns and null_as of the rule",
        by.keys.join(", ")
    )
}

fn repeated_key(by: &MergeBy) -> String {
    format!(
        "two rows of the file have the same merge_keys ({}), and the rule has no merge_order to tell which is newer; nothing \
         was loaded. Name such a column in merge_order, or mend the file",
        by.keys.join(", ")
    )
}

fn other_period(period: &Period, load: &Load, error: &str) -> String {
    let filled = |text: &String| fill_placeholders(text, &load.captures).unwrap_or_else(|_| text.clone());
    let value = filled(&period.value);
    if let Some(end) = &period.end {
        return format!(
            "a row's {} is not from {value:?} up to {:?}, which is the file's period, or that is no value for the column \
             ({error}); nothing was loaded. Such a row would stay when the period comes again: mend the file, or say another \
             granularity or time zone",
            period.column,
            filled(end)
        );
    }
    format!(
        "a row's {} is not {value:?}, which the file's key says is its period, or that is no value for the column ({error}); \
         nothing was loaded. Mend the file or its name, or period_value of the rule",
        period.column
    )
}

//! Everything that a file leaves behind, as text to compare: two ways that end alike have one picture.

use std::collections::BTreeSet;

use longshore_domain::load::LoadId;
use longshore_domain::object::Object;

use super::bench::Bench;
use super::world::World;

/// Draws what became of an object: loads, audit, messages, files, rows, follow-ups. Times and ids are left out, and so is how
/// often a message was sent.
pub(crate) async fn picture(bench: &Bench, world: &World, object: &Object) -> String {
    let mut lines = Vec::new();
    for sql in [LOADS, AUDIT, OUTBOX, ROW_ERRORS] {
        lines.extend(told_by(bench, sql, object).await);
    }
    let told: BTreeSet<String> = world.topic.told().into_iter().collect();
    lines.extend(told.iter().map(|told| format!("told {told}")));
    for (key, file) in world.files.all() {
        let text = String::from_utf8_lossy(&file.bytes).replace('\n', " ");
        let text = text.trim_end();
        lines.push(format!("file {}: {text}", without_time(&key)));
    }
    for (table, columns) in world.warehouse.tables().added {
        lines.extend(columns.iter().map(|column| format!("column {table}: {column}")));
    }
    for (table, rows) in world.warehouse.tables().targets {
        lines.extend(rows.iter().map(|row| format!("row {table}: {}", row.line)));
    }
    let follow_ups = world.warehouse.follow_ups();
    lines.extend(follow_ups.iter().map(|sql| format!("follow-up {sql}")));
    let picture = without_ids(&lines.join("\n"), "as load ");
    without_ids(&picture, "load replay ")
}

/// A note may name another load. What a person is to write an id for stays.
fn without_ids(picture: &str, before: &str) -> String {
    let mut words = picture.split(before);
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |picture, rest| {
        match rest.split_at_checked(ID_CHARACTERS) {
            Some((id, rest)) if LoadId::parse(id).is_some() => picture + before + "<id>" + rest,
            Some(_) | None => picture + before + rest,
        }
    })
}

/// A load's id as it is written.
const ID_CHARACTERS: usize = 36;

const LOADS: &str = "
    SELECT concat_ws(' ', 'load', record_type, target_name, state, error_code, 'rows', rows_expected, rows_loaded, remarks::text,
        CASE WHEN concluded_at IS NULL OR finished_at IS NULL THEN 'UNFINISHED' END,
        CASE WHEN lease_owner IS NOT NULL THEN 'LEASED' END)
    FROM rdscnfg.ext_file_load
    WHERE load_id = $1 OR parent_load_id = $1
    ORDER BY record_type NULLS FIRST, target_name NULLS FIRST";

const AUDIT: &str = "
    SELECT concat_ws(' ', 'audit', load.record_type, load.target_name, audit.file_process_status, audit.file_prcsd_flag,
        'rows', audit.rows_expected, audit.rows_loaded, audit.rows_rejected, 'follow-up', audit.followup_status,
        CASE WHEN load.state = 'failed' THEN audit.error_msg END)
    FROM rdscnfg.ext_file_audit AS audit
    INNER JOIN rdscnfg.ext_file_load AS load ON load.load_id = audit.load_id
    WHERE load.load_id = $1 OR load.parent_load_id = $1
    ORDER BY load.record_type NULLS FIRST, load.target_name NULLS FIRST";

const OUTBOX: &str = "
    SELECT concat_ws(' ', 'notice', load.record_type, load.target_name, notice.outcome,
        CASE WHEN notice.sent_at IS NULL THEN 'UNSENT' ELSE 'sent' END)
    FROM rdscnfg.ext_outbox AS notice
    INNER JOIN rdscnfg.ext_file_load AS load ON load.load_id = notice.load_id
    WHERE load.load_id = $1 OR load.parent_load_id = $1
    ORDER BY load.record_type NULLS FIRST, load.target_name NULLS FIRST, notice.outcome";

const ROW_ERRORS: &str = "
    SELECT concat_ws(' ', 'row error', line_number, column_name, error_message, raw_line)
    FROM rdscnfg.ext_load_row_error
    WHERE load_id = $1
    ORDER BY line_number";

async fn told_by(bench: &Bench, sql: &str, object: &Object) -> Vec<String> {
    let id = LoadId::of(object).as_uuid();
    let rows = bench.client.query(sql, &[&id]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// An archive key without the time that it ends with.
fn without_time(key: &str) -> String {
    match key.rsplit_once("_2026-") {
        Some((name, _)) => name.to_owned(),
        None => key.to_owned(),
    }
}

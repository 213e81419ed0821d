//! Rows that could not have come about are refused, each by the constraint that says why.

use longshore_domain::load::LoadState;
use longshore_store::{Chain, StoreError};
use rstest::rstest;
use tokio_postgres::error::SqlState;

use crate::support::{ACTOR, Bench, at, prepared, split_facts};

/// Sets `change` on a load in `state`, by hand.
#[rstest]
#[case(LoadState::Received, "size_bytes = -1", "ext_file_load_counts_not_negative")]
#[case(
    LoadState::Received,
    "rows_expected = -1",
    "ext_file_load_counts_not_negative"
)]
#[case(LoadState::Received, "lease_owner = NULL", "ext_file_load_lease_whole")]
#[case(LoadState::Received, "lease_until = NULL", "ext_file_load_lease_whole")]
#[case(LoadState::Received, "lease_step = 'sleep'", "ext_file_load_lease_step_known")]
#[case(LoadState::Received, "record_type = 'HD'", "ext_file_load_child_is_named")]
#[case(
    LoadState::Received,
    "target_name = 'analytics'",
    "ext_file_load_child_is_named"
)]
#[case(
    LoadState::Delivering,
    "deliveries = 1",
    "ext_file_load_deliveries_are_several"
)]
#[case(
    LoadState::Delivering,
    "deliveries = NULL",
    "ext_file_load_delivering_has_deliveries"
)]
#[case(
    LoadState::Prepared,
    "deliveries = 2",
    "ext_file_load_delivering_has_deliveries"
)]
#[case(
    LoadState::Received,
    "parent_load_id = load_id, record_type = 'HD'",
    "ext_file_load_not_its_own_parent"
)]
#[case(
    LoadState::Received,
    "ext_interface_cid = NULL",
    "ext_file_load_rule_has_interface"
)]
#[case(LoadState::Received, "tgt_schema_name = NULL", "ext_file_load_table_whole")]
#[case(LoadState::Received, "looks = -1", "ext_file_load_looks_not_negative")]
#[case(
    LoadState::Received,
    "trace_id = 'Root=1-5759e988-bd862e3fe1be46a994272793'",
    "ext_file_load_trace_in_form"
)]
#[case(
    LoadState::Received,
    "sequencer = 'listed-1'",
    "ext_file_load_stand_in_is_listed"
)]
#[case(
    LoadState::Received,
    "listed_at = now(), parent_load_id = load_id, record_type = 'HD'",
    "ext_file_load_listed_is_whole"
)]
#[case(
    LoadState::Received,
    "superseded_by = gen_random_uuid()",
    "ext_file_load_superseded_is_skipped"
)]
#[case(
    LoadState::Skipped,
    "superseded_by = load_id",
    "ext_file_load_not_superseded_by_itself"
)]
#[case(
    LoadState::Received,
    "replaces = ARRAY[load_id]",
    "ext_file_load_not_its_own_successor"
)]
#[case(
    LoadState::Received,
    "ext_file_config_sid = NULL, ext_interface_cid = NULL, interface_name = NULL",
    "ext_file_load_table_needs_rule"
)]
#[case(
    LoadState::Received,
    "manifest_key = 'm'",
    "ext_file_load_unprepared_has_nothing"
)]
#[case(
    LoadState::Received,
    "concluded_at = now()",
    "ext_file_load_concluded_has_outcome"
)]
#[case(LoadState::Received, "captures = '[]'", "ext_file_load_lists_are_lists")]
#[case(
    LoadState::Received,
    "announced_captures = '[]'",
    "ext_file_load_announced_captures_are_named"
)]
#[case(LoadState::Received, "remarks = '{}'", "ext_file_load_lists_are_lists")]
#[case(LoadState::Received, "state = 'rejected'", "ext_file_load_error_is_explained")]
#[case(LoadState::Rejected, "reject = NULL", "ext_file_load_rejected_has_reason")]
#[case(LoadState::Rejected, "error_code = NULL", "ext_file_load_error_is_explained")]
#[case(LoadState::Rejected, "error = NULL", "ext_file_load_error_is_explained")]
#[case(LoadState::Prepared, "manifest_key = NULL", "ext_file_load_prepared_is_whole")]
#[case(LoadState::Prepared, "sources = '[]'", "ext_file_load_prepared_is_whole")]
#[case(LoadState::Prepared, "prepared_at = NULL", "ext_file_load_prepared_is_whole")]
#[case(
    LoadState::Prepared,
    "rows_loaded = 1",
    "ext_file_load_rows_loaded_needs_load"
)]
#[case(
    LoadState::Prepared,
    "error_code = 'x', error = 'y'",
    "ext_file_load_error_is_explained"
)]
#[case(
    LoadState::Queued,
    "concluded_at = now()",
    "ext_file_load_concluded_has_outcome"
)]
#[case(
    LoadState::Submitted,
    "submitted_at = NULL",
    "ext_file_load_submitted_has_time"
)]
#[case(LoadState::Submitted, "loaded_at = now()", "ext_file_load_loaded_has_time")]
#[case(LoadState::Loaded, "loaded_at = NULL", "ext_file_load_loaded_has_time")]
#[case(
    LoadState::Loaded,
    "finished_at = now()",
    "ext_file_load_finished_is_concluded"
)]
#[case(LoadState::Loaded, "state = 'complete'", "ext_file_load_complete_is_finished")]
#[case(
    LoadState::Failed,
    "concluded_at = now()",
    "ext_file_load_finished_is_concluded"
)]
#[case(LoadState::Batched, "buffer_id = NULL", "ext_file_load_batched_has_buffer")]
#[case(LoadState::Batched, "sources = '[]'", "ext_file_load_prepared_is_whole")]
#[case(LoadState::Batched, "batch_share = 0", "ext_file_load_batch_counts_positive")]
#[case(LoadState::Batched, "batch_files = 1", "ext_file_load_batch_not_batched")]
#[case(LoadState::Prepared, "batch_files = 1", "ext_file_load_batch_not_batched")]
#[case(
    LoadState::Received,
    "batch_id = load_id",
    "ext_file_load_carried_from_buffer"
)]
#[case(LoadState::Received, "set_part = '{}'", "ext_file_load_set_part_in_buffer")]
#[case(
    LoadState::Loaded,
    "forgotten_at = now()",
    "ext_file_load_forgotten_is_finished"
)]
#[tokio::test]
async fn an_impossible_load_is_refused(
    #[case] state: LoadState,
    #[case] change: &str,
    #[case] constraint: &str,
) {
    let bench = Bench::new().await;
    bench.load_in(state).await;
    let sql = format!("UPDATE rdscnfg.ext_file_load SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("max_files = 0", "ext_load_buffer_limits_positive")]
#[case("max_bytes = 0", "ext_load_buffer_limits_positive")]
#[case("bytes = -1", "ext_load_buffer_counts_not_negative")]
#[case("files = 0", "ext_load_buffer_first_of_files")]
#[case("first_at = NULL", "ext_load_buffer_first_of_files")]
#[case("group_name = 'g'", "ext_load_buffer_set_of_group")]
#[case("tgt_table_name = NULL", "ext_load_buffer_has_table")]
#[tokio::test]
async fn an_impossible_buffer_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Batched).await;
    let sql = format!("UPDATE rdscnfg.ext_load_buffer SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("state = 'sleeping'", "ext_statement_state_known")]
#[case("kind = 'other'", "ext_statement_kind_known")]
#[case("attempt = 0", "ext_statement_attempt_positive")]
#[case("steps = '{}'", "ext_statement_has_steps")]
#[case("statement_id = NULL", "ext_statement_submitted_has_id")]
#[case("submitted_at = NULL", "ext_statement_submitted_has_id")]
#[case("finished_at = now()", "ext_statement_ended_has_time")]
#[case("state = 'finished'", "ext_statement_ended_has_time")]
#[case("error = 'x'", "ext_statement_finished_has_no_error")]
#[case("duration_ms = -1", "ext_statement_counts_not_negative")]
#[case("chain_step = 1", "ext_statement_step_of_follow_up")]
#[case("kind = 'follow_up', chain_step = 0", "ext_statement_step_of_follow_up")]
#[case("refused_at = now()", "ext_statement_refused_has_no_id")]
#[tokio::test]
async fn an_impossible_statement_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Submitted).await;
    let sql = format!("UPDATE rdscnfg.ext_statement SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("outcome = 'maybe'", "ext_outbox_outcome_known")]
#[case("sent_at = now()", "ext_outbox_sent_is_whole")]
#[case("sender = 's'", "ext_outbox_sender_whole")]
#[case(
    "sent_at = now(), message_id = 'm', sender = 's', send_until = now()",
    "ext_outbox_sent_is_released"
)]
#[case("load_id = NULL", "ext_outbox_about_one")]
#[case("outcome = 'late'", "ext_outbox_late_is_about_late")]
#[tokio::test]
async fn an_impossible_message_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Transforming).await;
    let sql = format!("UPDATE rdscnfg.ext_outbox SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn a_state_that_nobody_knows_is_refused_even_without_the_trigger() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Prepared).await;
    let sql = "ALTER TABLE rdscnfg.ext_file_load DISABLE TRIGGER ext_file_load_transition";
    bench.run(sql, &[]).await.unwrap();
    let sql = "UPDATE rdscnfg.ext_file_load SET state = 'sleeping'";
    assert_eq!(refusal(&bench, sql).await, "ext_file_load_state_known");
}

#[tokio::test]
async fn an_outcome_is_told_once_whoever_inserts_it() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Transforming).await;
    let sql = "INSERT INTO rdscnfg.ext_outbox (load_id, outcome, topic_arn, message, created_at)
               SELECT load_id, outcome, topic_arn, message, created_at FROM rdscnfg.ext_outbox";
    assert_eq!(refusal(&bench, sql).await, "ext_outbox_once_per_outcome");
}

#[tokio::test]
async fn a_load_has_one_audit_row_whoever_inserts_it() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Transforming).await;
    let sql = "INSERT INTO rdscnfg.ext_file_audit (load_id) SELECT load_id FROM rdscnfg.ext_file_audit";
    assert_eq!(refusal(&bench, sql).await, "ext_file_audit_load");
}

#[tokio::test]
async fn a_follow_up_ends_in_a_word_that_is_known() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Complete).await;
    let sql = "UPDATE rdscnfg.ext_file_audit SET followup_status = 'MAYBE'";
    assert_eq!(refusal(&bench, sql).await, "ext_file_audit_followup_status_known");
}

#[rstest]
#[case("statement_name, 'another'", "ext_statement_name_unique")]
#[case("statement_name || '2', statement_id", "ext_statement_id")]
#[tokio::test]
async fn a_statement_has_one_attempt_whoever_inserts_it(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Submitted).await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_statement
             (load_id, kind, attempt, client_token, steps, warehouse, recorded_at, statement_name, statement_id)
         SELECT load_id, kind, attempt + 1, client_token, steps, warehouse, recorded_at, {values}
         FROM rdscnfg.ext_statement"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("'someone', NULL, 0", "ext_watched_prefix_lister_whole")]
#[case("NULL, NULL, -1", "ext_watched_prefix_counts_not_negative")]
#[tokio::test]
async fn an_impossible_listing_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_watched_prefix
             (bucket_name, prefix, pass_began_at, lister, list_until, objects_seen)
         VALUES ('b', 'in/', now(), {values})"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn an_impossible_comparison_is_refused() {
    let bench = Bench::new().await;
    let sql =
        "INSERT INTO rdscnfg.ext_marker_table (warehouse, schema_name, table_name, created_at, comparer)
               VALUES ('w', 's', 't', now(), 'someone')";
    assert_eq!(refusal(&bench, sql).await, "ext_marker_table_comparer_whole");
}

#[rstest]
#[case("'odd', NULL, NULL, NULL", "ext_marker_difference_kind_known")]
#[case(
    "'failed_and_loaded', now(), NULL, 'adopted'",
    "ext_marker_difference_settled_whole"
)]
#[case(
    "'failed_and_loaded', now(), 'me', 'lost'",
    "ext_marker_difference_settled_as_known"
)]
#[tokio::test]
async fn an_impossible_difference_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_marker_difference
             (load_id, warehouse, schema_name, table_name, object_url, found_at, kind, settled_at, settled_by, settled_as)
         VALUES (gen_random_uuid(), 'w', 's', 't', 's3://b/k', now(), {values})"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("only_record_type = 'HD'", "ext_file_load_choice_is_a_replays")]
#[case("replays_load_id = load_id", "ext_file_load_not_its_own_replay")]
#[case("replays_load_id = parent_load_id", "ext_file_load_replays_whole_files")]
#[case("retry_since = now()", "ext_file_load_retry_is_explained")]
#[case("deaths = -1", "ext_file_load_tries_not_negative")]
#[case("waits_for = 'cluster'", "ext_file_load_wait_has_an_end")]
#[case("rule_version = 1", "ext_file_load_version_is_a_rules")]
#[tokio::test]
async fn an_impossible_replay_or_wait_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Prepared).await;
    let part = "INSERT INTO rdscnfg.ext_file_load
                    (load_id, bucket_name, object_key, size_bytes, file_name, state_at, state_actor, received_at,
                     parent_load_id, record_type)
                SELECT gen_random_uuid(), bucket_name, 'part', 1, 'part', now(), 'x', now(), load_id, 'HD'
                FROM rdscnfg.ext_file_load";
    bench.run(part, &[]).await.unwrap();
    let sql = format!("UPDATE rdscnfg.ext_file_load SET {change} WHERE object_key = 'part'");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn a_file_is_delivered_to_a_target_once() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Delivering).await;
    let sql = "INSERT INTO rdscnfg.ext_file_load
                   (load_id, bucket_name, object_key, size_bytes, file_name, state_at, state_actor, received_at,
                    parent_load_id, target_name)
               SELECT gen_random_uuid(), bucket_name, 'part', 1, 'part', now(), 'x', now(), load_id, 'analytics'
               FROM rdscnfg.ext_file_load
               WHERE parent_load_id IS NULL";
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(refusal(&bench, sql).await, "ext_file_load_delivery");
}

#[tokio::test]
async fn a_replay_follows_a_policy_that_is_known() {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Prepared).await;
    let sql = "INSERT INTO rdscnfg.ext_file_load
                   (load_id, bucket_name, object_key, size_bytes, file_name, state_at, state_actor, received_at,
                    replays_load_id, resend_policy)
               SELECT gen_random_uuid(), bucket_name, 'again', 1, 'again', now(), 'x', now(), load_id, 'maybe'
               FROM rdscnfg.ext_file_load";
    assert_eq!(refusal(&bench, sql).await, "ext_file_load_resend_policy_known");
}

#[rstest]
#[case("kind = 'polish'", "ext_maintenance_kind_is_known")]
#[case("state = 'begun'", "ext_maintenance_state_is_known")]
#[case("state = 'submitted'", "ext_maintenance_submission_is_whole")]
#[case("finished_at = now()", "ext_maintenance_end_is_whole")]
#[case("kind = 'vacuum'", "ext_maintenance_of_load")]
#[case(
    "kind = 'vacuum', state = 'submitted', submitted_at = now(), load_id = (SELECT min(load_id::text)::uuid FROM other)",
    "ext_maintenance_one_vacuum"
)]
#[tokio::test]
async fn impossible_maintenance_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_of("first", LoadState::Prepared).await;
    let queue = "INSERT INTO rdscnfg.ext_maintenance
                     (load_id, kind, warehouse, tgt_schema_name, tgt_table_name, rows_deleted, place, queued_at, due_at,
                      state, submitted_at)
                 SELECT load_id, step.kind, 'w', 's', 't', 1, '{}', now(), now(), step.state, step.at
                 FROM rdscnfg.ext_file_load,
                     (VALUES ('vacuum', 'submitted', now()), ('analyze', 'queued', NULL)) AS step (kind, state, at)";
    bench.run(queue, &[]).await.unwrap();
    bench.load_of("second", LoadState::Prepared).await;
    let sql = format!(
        "WITH other AS (
             SELECT load_id FROM rdscnfg.ext_file_load WHERE object_key = 'second'
         )
         UPDATE rdscnfg.ext_maintenance SET {change} WHERE kind = 'analyze'"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("'pardon', 'ann', 'why not'", "ext_load_operation_known")]
#[case("'skip', 'ann', '  '", "ext_load_operation_is_explained")]
#[tokio::test]
async fn an_impossible_operation_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.load_in(LoadState::Prepared).await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_load_operation (load_id, operation, operator, reason, at)
         SELECT load_id, {values}, now() FROM rdscnfg.ext_file_load"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("'burn', NULL, 'ann', 'why not'", "ext_dead_letter_operation_known")]
#[case("'delete', NULL, 'ann', ' '", "ext_dead_letter_operation_is_explained")]
#[case(
    "'delete', 'q2', 'ann', 'why not'",
    "ext_dead_letter_operation_goes_somewhere"
)]
#[case(
    "'redrive', NULL, 'ann', 'why not'",
    "ext_dead_letter_operation_goes_somewhere"
)]
#[tokio::test]
async fn an_impossible_deed_to_a_dead_letter_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_dead_letter_operation
             (queue_url, message_id, about, operation, sent_to, operator, reason, at)
         VALUES ('q', 'm', 'a file', {values}, now())"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("1, NULL, NULL", "ext_warehouse_failure_has_reason")]
#[case("-1, 'down', now()", "ext_warehouse_failures_not_negative")]
#[tokio::test]
async fn an_impossible_standing_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_warehouse (warehouse, failures, last_error, last_failed_at) VALUES ('w', {values})"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn a_pause_has_a_cause_and_a_next_probe() {
    let bench = Bench::new().await;
    let sql = "INSERT INTO rdscnfg.ext_warehouse (warehouse, paused_at) VALUES ('w', now())";
    assert_eq!(refusal(&bench, sql).await, "ext_warehouse_pause_whole");
}

#[rstest]
#[case("0, '{}'", "ext_file_config_version_counts")]
#[case("1, '[]'", "ext_file_config_version_content_is_row")]
#[tokio::test]
async fn an_impossible_version_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_file_config_version
             (ext_file_config_sid, version, content, since, changed_by, changed_in)
         VALUES (1, {values}, now(), 'ann', pg_current_xact_id())"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn a_target_s_name_is_its_own() {
    let bench = Bench::new().await;
    let sql = "INSERT INTO rdscnfg.ext_target (ext_target_sid, target_name, database_name, iam_role, region)
               VALUES (1, 't', 'd', 'r', 'e'), (2, 't', 'd', 'r', 'e')";
    assert_eq!(refusal(&bench, sql).await, "ext_target_name_unique");
}

#[rstest]
#[case("'pause', 'ann', 'why not'", "ext_warehouse_operation_known")]
#[case("'resume', 'ann', '  '", "ext_warehouse_operation_is_explained")]
#[tokio::test]
async fn an_impossible_operation_on_a_warehouse_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_warehouse_operation (warehouse, operation, operator, reason, at)
         VALUES ('w', {values}, now())"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

/// A constraint that is added without a test fails here, with its name.
#[tokio::test]
async fn every_constraint_has_a_test() {
    let bench = Bench::new().await;
    let sql = "SELECT conname::text FROM pg_constraint
               WHERE connamespace = 'rdscnfg'::regnamespace AND contype IN ('c', 'u')
               UNION
               SELECT indexrelid::regclass::text FROM pg_index
               JOIN pg_class ON pg_class.oid = indrelid
               WHERE relnamespace = 'rdscnfg'::regnamespace AND indisunique AND NOT indisprimary";
    let rows = bench
        .database
        .client()
        .await
        .unwrap()
        .query(sql, &[])
        .await
        .unwrap();
    let names = rows
        .iter()
        .map(|row| row.get::<_, String>(0).replace("rdscnfg.", ""));
    let tests = include_str!("constraints.rs");
    let untested: Vec<_> = names
        .filter(|name| !tests.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(untested, Vec::<String>::new());
}

#[tokio::test]
async fn a_load_begins_as_received() {
    let bench = Bench::new().await;
    let sql = "INSERT INTO rdscnfg.ext_file_load
                   (load_id, bucket_name, object_key, size_bytes, file_name, state, state_at, state_actor, received_at)
               VALUES (gen_random_uuid(), 'b', 'k', 1, 'k', 'split', now(), 'x', now())";
    assert_eq!(refusal(&bench, sql).await, "ext_file_load_transition");
}

#[tokio::test]
async fn one_object_has_one_load_whoever_inserts_it() {
    let bench = Bench::new().await;
    bench.received("in/A_701.txt").await;
    let sql = "INSERT INTO rdscnfg.ext_file_load
                   (load_id, bucket_name, object_key, etag, sequencer, size_bytes, file_name, state_at, state_actor,
                    received_at)
               SELECT gen_random_uuid(), bucket_name, object_key, etag, sequencer, size_bytes, file_name, state_at,
                      state_actor, received_at
               FROM rdscnfg.ext_file_load";
    assert_eq!(refusal(&bench, sql).await, "ext_file_load_identity");
}

#[tokio::test]
async fn a_load_without_a_rule_is_neither_prepared_nor_split() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await.id;
    let error = bench
        .store
        .mark_prepared(load, &prepared(), at(1), ACTOR)
        .await
        .unwrap_err();
    assert_eq!(constraint_of(&error), "ext_file_load_prepared_is_whole");
    let error = bench
        .store
        .mark_split(load, &split_facts(), at(1), ACTOR)
        .await
        .unwrap_err();
    assert_eq!(constraint_of(&error), "ext_file_load_split_has_rule");
}

#[rstest]
#[case("0, 0, 0, 0", "ext_load_tally_counted_something")]
#[case("10, -1, 0, 2", "ext_load_tally_adds_up")]
#[case("10, 0, -1, 2", "ext_load_tally_adds_up")]
#[case("10, 2, 1, 2", "ext_load_tally_adds_up")]
#[case("10, 1, 1, 11", "ext_load_tally_adds_up")]
#[tokio::test]
async fn a_tally_that_does_not_add_up_is_refused(#[case] counts: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.received("in/A_701.txt").await;
    let sql = format!(
        "INSERT INTO rdscnfg.ext_load_tally
             (load_id, counted_as, counted_bytes, records, blank_records, lines, noted_at)
         SELECT load_id, 'lines', {counts}, now() FROM rdscnfg.ext_file_load"
    );
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

fn constraint_of(error: &StoreError) -> &str {
    match error {
        StoreError::ConstraintViolated { constraint, .. } => constraint,
        other => unreachable!("{other:?}"),
    }
}

/// The constraint that refuses a statement.
async fn refusal(bench: &Bench, sql: &str) -> String {
    let error = bench.run(sql, &[]).await.unwrap_err();
    let refusal = error.as_db_error().unwrap();
    assert!(
        [SqlState::CHECK_VIOLATION, SqlState::UNIQUE_VIOLATION].contains(refusal.code()),
        "{refusal}"
    );
    refusal.constraint().unwrap().to_owned()
}

#[rstest]
#[case("'Totals', '[\"SELECT 1\"]'", "ext_chain_name_plain")]
#[case("'', '[\"SELECT 1\"]'", "ext_chain_name_plain")]
#[case("'totals', '[]'", "ext_chain_holds_queries")]
#[case("'totals', '{\"a\": 1}'", "ext_chain_holds_queries")]
#[case("'known', '[\"SELECT 1\"]'", "ext_chain_pk")]
#[tokio::test]
async fn an_impossible_chain_is_refused(#[case] values: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let queries = serde_json::json!(["SELECT 1"]);
    let known = Chain::new("known", queries, at(1));
    bench.store.write_chain(&known).await.unwrap();
    let sql = format!("INSERT INTO rdscnfg.ext_chain (chain_name, queries) VALUES ({values})");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("runner = 'a'", "ext_snapshot_schedule_runner_whole")]
#[case("starting_load_id = gen_random_uuid()", "ext_snapshot_schedule_start_whole")]
#[case("load_id = gen_random_uuid()", "ext_snapshot_schedule_load_whole")]
#[case("outcome = 'lost', ended_at = now()", "ext_snapshot_schedule_outcome_known")]
#[case("outcome = 'nothing_new'", "ext_snapshot_schedule_end_whole")]
#[case(
    "outcome = 'failed', ended_at = now()",
    "ext_snapshot_schedule_failure_has_reason"
)]
#[case(
    "outcome = 'nothing_new', ended_at = now(), error = 'x'",
    "ext_snapshot_schedule_failure_has_reason"
)]
#[case("failures = -1", "ext_snapshot_schedule_failures_not_negative")]
#[case("tell_at = now()", "ext_snapshot_schedule_tells_a_failure")]
#[tokio::test]
async fn an_impossible_standing_of_a_schedule_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let rule = "INSERT INTO rdscnfg.ext_file_config
            (ext_file_config_sid, file_format, rule_kind, schedule, tgt_schema_name, tgt_table_name)
        VALUES (71, 'json', 'snapshot', '0 6 * * *', 'api', 'pages')";
    bench.run(rule, &[]).await.unwrap();
    let sql = format!("UPDATE rdscnfg.ext_snapshot_schedule SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[rstest]
#[case("expected_at = grace_until + interval '1 s'", "ext_file_late_times_in_order")]
#[case("arrived_files = 3", "ext_file_late_is_short")]
#[case("newest_file_name = 'A_701.txt'", "ext_file_late_newest_whole")]
#[case(
    "arrived_at = grace_until, settled_at = now()",
    "ext_file_late_arrival_is_late"
)]
#[case("arrived_at = awaited_until", "ext_file_late_arrival_settles")]
#[tokio::test]
async fn an_impossible_late_time_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    bench.late_period().await;
    let sql = format!("UPDATE rdscnfg.ext_file_late SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

#[tokio::test]
async fn a_time_is_missed_and_told_once_whoever_inserts_it() {
    let bench = Bench::new().await;
    bench.late_period().await;
    let sql = "INSERT INTO rdscnfg.ext_file_late
            (ext_file_config_sid, ext_interface_cid, interface_name, expected_at, expected_timezone, grace_until,
             awaited_until, expected_files, arrived_files, follows_missed, found_at)
        SELECT ext_file_config_sid, ext_interface_cid, interface_name, expected_at, expected_timezone, grace_until,
            awaited_until, expected_files, arrived_files, follows_missed, found_at
        FROM rdscnfg.ext_file_late";
    assert_eq!(refusal(&bench, sql).await, "ext_file_late_once");
    let sql = "INSERT INTO rdscnfg.ext_outbox (late_id, outcome, topic_arn, message, created_at)
        SELECT late_id, 'late', 'topic', '{}', now() FROM rdscnfg.ext_file_late, generate_series(1, 2)";
    assert_eq!(refusal(&bench, sql).await, "ext_outbox_once_per_late");
}

#[rstest]
#[case("next_at = now()", "ext_file_expectation_progress_whole")]
#[case("missed_last = true", "ext_file_expectation_missed_has_progress")]
#[tokio::test]
async fn an_impossible_expectation_is_refused(#[case] change: &str, #[case] constraint: &str) {
    let bench = Bench::new().await;
    let rule = "INSERT INTO rdscnfg.ext_file_config (ext_file_config_sid, file_format, expected_schedule)
        VALUES (71, 'txt', '0 6 * * *')";
    bench.run(rule, &[]).await.unwrap();
    let sql = format!("UPDATE rdscnfg.ext_file_expectation SET {change}");
    assert_eq!(refusal(&bench, &sql).await, constraint);
}

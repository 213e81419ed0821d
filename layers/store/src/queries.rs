//! The SQL of the store: one statement per file in `sql/config-db/queries`.

macro_rules! queries {
    ($($query:ident => $file:literal),+ $(,)?) => {
        /// A statement of the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Query { $($query),+ }

        impl Query {
            /// Every statement, in the order of [`Statements`].
            const ALL: &[Self] = &[$(Self::$query),+];

            /// The name of its file, by which errors name it.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$query => $file),+ }
            }

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$query => include_str!(
                        concat!("../../../sql/config-db/queries/", $file, ".sql")
                    )),+
                }
            }
        }
    };
}

queries! {
    ArrivalFindNewest => "arrival_find_newest",
    ArrivalList => "arrival_list",
    AuditFinishFollowUp => "audit_finish_follow_up",
    AuditInsert => "audit_insert",
    AuditList => "audit_list",
    BatchFail => "batch_fail",
    BatchFindUnderWay => "batch_find_under_way",
    BatchFinish => "batch_finish",
    BatchInsert => "batch_insert",
    BatchList => "batch_list",
    BatchListCarried => "batch_list_carried",
    BatchListFirstKeys => "batch_list_first_keys",
    BatchReturn => "batch_return",
    BatchSucceed => "batch_succeed",
    BatchTake => "batch_take",
    BatchTransform => "batch_transform",
    BufferCount => "buffer_count",
    BufferFind => "buffer_find",
    BufferFlush => "buffer_flush",
    BufferJoin => "buffer_join",
    BufferLeave => "buffer_leave",
    BufferList => "buffer_list",
    BufferListDue => "buffer_list_due",
    BufferListSuperseded => "buffer_list_superseded",
    BufferListWaiting => "buffer_list_waiting",
    BufferLock => "buffer_lock",
    ChainFind => "chain_find",
    ChainList => "chain_list",
    ChainWrite => "chain_write",
    DatabaseStanding => "database_standing",
    DeadLetterInsert => "dead_letter_insert",
    DeadLetterList => "dead_letter_list",
    DetailWrite => "detail_write",
    ExpectationAdvance => "expectation_advance",
    ExpectationList => "expectation_list",
    HistoryList => "history_list",
    IdList => "id_list",
    InterfaceList => "interface_list",
    InterfaceWrite => "interface_write",
    LateList => "late_list",
    LateListBacklog => "late_list_backlog",
    LateListSettled => "late_list_settled",
    LateRecord => "late_record",
    LateSettle => "late_settle",
    LateSettleBacklog => "late_settle_backlog",
    LoadAdmit => "load_admit",
    LoadAdopt => "load_adopt",
    LoadBatch => "load_batch",
    LoadClaim => "load_claim",
    LoadClaimAgain => "load_claim_again",
    LoadClaimFinish => "load_claim_finish",
    LoadCompareListed => "load_compare_listed",
    LoadConclude => "load_conclude",
    LoadCountOfRule => "load_count_of_rule",
    LoadCountReplays => "load_count_replays",
    LoadDeliver => "load_deliver",
    LoadEndDeliveries => "load_end_deliveries",
    LoadFail => "load_fail",
    LoadFind => "load_find",
    LoadFindPlan => "load_find_plan",
    LoadFinishFollowUp => "load_finish_follow_up",
    LoadForget => "load_forget",
    LoadFollowUpAgain => "load_follow_up_again",
    LoadHandOver => "load_hand_over",
    LoadInsert => "load_insert",
    LoadInsertChild => "load_insert_child",
    LoadInsertListed => "load_insert_listed",
    LoadList => "load_list",
    LoadLetIn => "load_let_in",
    LoadLetInAll => "load_let_in_all",
    LoadListDelivered => "load_list_delivered",
    LoadListHeld => "load_list_held",
    LoadListBeside => "load_list_beside",
    LoadListChildren => "load_list_children",
    LoadListLoadedInto => "load_list_loaded_into",
    LoadListOfOtherContents => "load_list_of_other_contents",
    LoadListOfMarkers => "load_list_of_markers",
    LoadListOfKey => "load_list_of_key",
    LoadListReplaceable => "load_list_replaceable",
    LoadListSameContent => "load_list_same_content",
    LoadListSequels => "load_list_sequels",
    LoadLock => "load_lock",
    LoadLockContent => "load_lock_content",
    LoadPlanArchive => "load_plan_archive",
    LoadPostpone => "load_postpone",
    LoadProbeNow => "load_probe_now",
    LoadPrepare => "load_prepare",
    LoadQueue => "load_queue",
    LoadRecordMatch => "load_record_match",
    LoadRecordSource => "load_record_source",
    LoadReject => "load_reject",
    LoadRelease => "load_release",
    LoadReplanArchive => "load_replan_archive",
    LoadRenew => "load_renew",
    LoadReplay => "load_replay",
    LoadIgnore => "load_ignore",
    LoadSkip => "load_skip",
    LoadSkipByHand => "load_skip_by_hand",
    LoadSplit => "load_split",
    LoadSubmit => "load_submit",
    LoadSucceed => "load_succeed",
    LoadSupersede => "load_supersede",
    LoadTakeLeaseAway => "load_take_lease_away",
    LoadTakeUnsettled => "load_take_unsettled",
    LoadTransform => "load_transform",
    LoadWait => "load_wait",
    LoadWaitForRule => "load_wait_for_rule",
    LoadWake => "load_wake",
    MarkerDifferenceClear => "marker_difference_clear",
    MarkerDifferenceFind => "marker_difference_find",
    MarkerDifferenceList => "marker_difference_list",
    MarkerDifferenceRecord => "marker_difference_record",
    MarkerDifferenceSettle => "marker_difference_settle",
    MarkerDifferenceSettleReplayed => "marker_difference_settle_replayed",
    MaintenanceFinish => "maintenance_finish",
    MaintenanceList => "maintenance_list",
    MaintenancePostpone => "maintenance_postpone",
    MaintenanceQueue => "maintenance_queue",
    MaintenanceRecord => "maintenance_record",
    MaintenanceSubmit => "maintenance_submit",
    MaintenanceTake => "maintenance_take",
    MarkerTableDelete => "marker_table_delete",
    MarkerTableFind => "marker_table_find",
    MarkerTableInsert => "marker_table_insert",
    MarkerTableRelease => "marker_table_release",
    MarkerTableTake => "marker_table_take",
    NoticeClaim => "notice_claim",
    NoticeInsert => "notice_insert",
    NoticeList => "notice_list",
    NoticeListUnsent => "notice_list_unsent",
    MinuteList => "minute_list",
    NoticeMarkFailed => "notice_mark_failed",
    NoticeMarkSent => "notice_mark_sent",
    ObjectLock => "object_lock",
    OperationInsert => "operation_insert",
    OperationInsertWaiting => "operation_insert_waiting",
    OperationList => "operation_list",
    PrefixAdvance => "prefix_advance",
    PrefixRelease => "prefix_release",
    PrefixTake => "prefix_take",
    RowErrorInsert => "row_error_insert",
    RowErrorList => "row_error_list",
    RuleCatalog => "rule_catalog",
    RuleCountWaiting => "rule_count_waiting",
    RuleExport => "rule_export",
    RuleFindTopics => "rule_find_topics",
    RuleList => "rule_list",
    RuleListGroup => "rule_list_group",
    RuleListPaused => "rule_list_paused",
    RuleListSecrets => "rule_list_secrets",
    SetAwait => "set_await",
    SetFind => "set_find",
    SetInsert => "set_insert",
    SetJoin => "set_join",
    SetList => "set_list",
    SetListMembers => "set_list_members",
    SetListRejected => "set_list_rejected",
    SetLook => "set_look",
    RuleListCandidates => "rule_list_candidates",
    RuleLock => "rule_lock",
    RuleNumber => "rule_number",
    RuleSign => "rule_sign",
    RuleVersionFind => "rule_version_find",
    RuleVersionList => "rule_version_list",
    RuleWrite => "rule_write",
    SnapshotFinish => "snapshot_finish",
    SnapshotGiveBack => "snapshot_give_back",
    SnapshotList => "snapshot_list",
    SnapshotPlan => "snapshot_plan",
    SnapshotStart => "snapshot_start",
    SnapshotTake => "snapshot_take",
    SnapshotTakeUntold => "snapshot_take_untold",
    SnapshotTold => "snapshot_told",
    StatementCallAgain => "statement_call_again",
    StatementFind => "statement_find",
    StatementFindLoadById => "statement_find_load_by_id",
    StatementFinish => "statement_finish",
    StatementList => "statement_list",
    StatementRecord => "statement_record",
    StatementRefuse => "statement_refuse",
    StatementSubmit => "statement_submit",
    TallyFind => "tally_find",
    TallyNote => "tally_note",
    TargetList => "target_list",
    TargetWrite => "target_write",
    Vitals => "vitals",
    WarehouseFail => "warehouse_fail",
    WarehouseFind => "warehouse_find",
    WarehouseList => "warehouse_list",
    WarehouseOperationInsert => "warehouse_operation_insert",
    WarehouseProbe => "warehouse_probe",
    WarehouseProbeNow => "warehouse_probe_now",
    WarehouseResume => "warehouse_resume",
}

/// The schema that the files name; the settings may name another one.
const WRITTEN_SCHEMA: &str = "rdscnfg";

/// SQL text for another schema than the one it is written for.
pub(crate) fn in_schema(sql: &str, schema: &str) -> String {
    sql.replace(
        &format!("{WRITTEN_SCHEMA}."),
        &format!("{}.", quote_identifier(schema)),
    )
}

/// An identifier as PostgreSQL reads it back, whatever is in it.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every statement in the words of one schema.
#[derive(Debug)]
pub(crate) struct Statements(Vec<String>);

impl Statements {
    pub(crate) fn for_schema(schema: &str) -> Self {
        let texts = Query::ALL.iter().map(|query| in_schema(query.text(), schema));
        Self(texts.collect())
    }

    pub(crate) fn get(&self, query: Query) -> &str {
        &self.0[query as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use longshore_testkit::TestDatabase;

    use super::*;
    use crate::Store;

    fn file_names(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../sql/config-db")
            .join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_file_of_a_query_is_in_the_list() {
        let listed = Query::ALL.iter().map(|query| format!("{}.sql", query.name()));
        assert_eq!(file_names("queries"), listed.collect());
    }

    #[test]
    fn every_sample_is_in_the_list() {
        let listed = crate::sample_sql().iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(file_names("samples"), listed.collect());
    }

    #[test]
    fn every_migration_is_in_the_list() {
        let listed = crate::migrate::MIGRATIONS.iter();
        assert_eq!(
            file_names("migrations"),
            listed.map(|(name, _)| format!("{name}.sql")).collect()
        );
    }

    #[test]
    fn every_query_begins_with_what_it_guarantees_and_is_one_statement() {
        for query in Query::ALL {
            let text = query.text();
            assert!(text.starts_with("-- "), "{}", query.name());
            let statement = text.lines().filter(|line| !line.trim_start().starts_with("--"));
            assert!(
                statement.clone().all(|line| !line.contains(';')),
                "{}",
                query.name()
            );
            assert!(!text.contains("SELECT *"), "{}", query.name());
        }
    }

    #[test]
    fn a_schema_is_quoted() {
        assert_eq!(
            in_schema("SELECT FROM rdscnfg.ext_file_load", "a\"b"),
            "SELECT FROM \"a\"\"b\".ext_file_load"
        );
    }

    #[tokio::test]
    async fn every_query_can_be_prepared_on_a_migrated_database() {
        let database = TestDatabase::create().await.unwrap();
        Store::for_tests(&database, "another", 2).await;
        let statements = Statements::for_schema("another");
        let client = database.client().await.unwrap();
        for query in Query::ALL {
            let prepared = client.prepare(statements.get(*query)).await;
            assert!(prepared.is_ok(), "{}: {:?}", query.name(), prepared.err());
        }
    }
}

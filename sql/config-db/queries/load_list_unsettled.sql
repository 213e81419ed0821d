-- Loads that nobody works on and that are not done, those that have stood still longest first: none is left out for good,
-- because whatever is done to a load, even in vain, is followed by another look at the rest. A load that waits is left
-- alone until it is due, and of those that wait for a paused warehouse the one due longest is given when that one may be tried.
SELECT
    load.load_id,
    load.parent_load_id,
    load.record_type,
    load.bucket_name,
    load.object_key,
    load.object_version,
    load.etag,
    load.sequencer,
    load.size_bytes,
    load.file_name,
    load.state,
    load.ext_file_config_sid,
    load.ext_interface_cid::text AS ext_interface_cid,
    load.interface_name,
    load.tgt_schema_name,
    load.tgt_table_name,
    load.captures,
    load.rows_expected,
    load.rows_loaded,
    load.rows_rejected,
    load.sources,
    load.prepared,
    load.manifest_key,
    load.plan,
    load.archived_key,
    load.statement_id,
    load.error_code,
    load.error,
    load.reject,
    load.remarks,
    load.prepare_duration_ms,
    load.admitted_at,
    load.read_key,
    load.replaces,
    load.claims,
    load.deaths,
    load.handovers,
    load.due_at,
    load.waits_for,
    load.tries,
    load.failed_attempt,
    load.retry_since,
    load.retry_error,
    load.lease_owner,
    load.lease_step,
    load.lease_until,
    load.received_at,
    load.prepared_at,
    load.submitted_at,
    load.loaded_at,
    load.concluded_at,
    load.finished_at
FROM rdscnfg.ext_file_load AS load
LEFT JOIN rdscnfg.ext_warehouse AS warehouse
    ON warehouse.warehouse = load.waits_for
WHERE load.finished_at IS NULL
    AND coalesce(load.due_at <= $2, load.state_at <= $1)
    AND (load.lease_until IS NULL OR load.lease_until <= $2)
    AND (
        warehouse.paused_at IS NULL
        OR (
            warehouse.probe_at <= $2
            AND load.load_id = (
                SELECT waiting.load_id
                FROM rdscnfg.ext_file_load AS waiting
                WHERE waiting.waits_for = warehouse.warehouse
                    AND (waiting.lease_until IS NULL OR waiting.lease_until <= $2)
                ORDER BY waiting.due_at, waiting.load_id
                LIMIT 1
            )
        )
    )
ORDER BY coalesce(load.due_at, load.state_at), load.load_id
LIMIT $3::bigint

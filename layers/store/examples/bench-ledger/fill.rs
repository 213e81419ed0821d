//! A ledger of any size: what a deployment looks like after so many loads, made by the server itself.
//!
//! Of every ledger the newest [`OPEN`] loads are under way, however many there are; three in ten fall under rule 1; and a load
//! was received every three seconds until [`NOW`].

use tokio_postgres::{Client, Error};

/// The time at which the ledger is looked at.
pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";
/// The loads that are under way.
pub(crate) const OPEN: u64 = 500;

const TABLES: &str = "'ext_file_load', 'ext_file_load_history', 'ext_statement', 'ext_outbox'";

/// Rules: a quarter by pattern, a quarter by expression, the rest by token; the first twenty by expressions that say nothing
/// about how a key begins.
const RULES: &str = r"
    INSERT INTO rdscnfg.ext_file_config (
        ext_file_config_sid, ext_interface_cid, tgt_schema_name, tgt_table_name, file_prefix, file_format, file_type,
        delimiter, header_flag, trailer_flag, split_file_flag, key_pattern, key_regex, queue_name
    )
    SELECT
        n, 1, 'stage', 't' || n % 5000, 'T' || n || '.', 'txt', 'txt', '|', 'N', 'N', 'N',
        CASE WHEN n > 20 AND n % 4 = 1 THEN 'lake/feed_' || n || '/yyyy=*/mm=*' END,
        CASE
            WHEN n <= 20 AND n > 1 THEN '.*_special' || n || '\.csv'
            WHEN n % 4 = 2 THEN 'drop/partner_' || n || '/(?<day>\d{8})_(orders|items)\.csv'
        END,
        CASE WHEN n % 100 = 0 THEN 'queue_' || n END
    FROM generate_series(1, $1::bigint) AS n";

const COLUMNS: &str = "
    INSERT INTO rdscnfg.ext_file_config_dtl
        (ext_file_config_dtl_sid, ext_file_config_sid, column_name, column_order_sqnc)
    SELECT n * 3 + place, n, 'c' || place, place
    FROM generate_series(1, $1::bigint) AS n, generate_series(0, 2) AS place";

/// Loads from $1 to $2 of a ledger of $3; $4 is the number of rules.
const LOADS: &str = r#"
    INSERT INTO rdscnfg.ext_file_load (
        load_id, bucket_name, object_key, etag, sequencer, size_bytes, file_name, state, state_at, state_actor,
        ext_file_config_sid, ext_interface_cid, interface_name, tgt_schema_name, tgt_table_name, sources, manifest_key,
        plan, archived_key, error_code, error, reject, replaces, replays_load_id, received_at, admitted_at, prepared_at,
        submitted_at, loaded_at, concluded_at, finished_at, due_at, waits_for, rows_loaded
    )
    SELECT
        md5('load ' || n)::uuid, 'landing', 'in/tenant_' || n % 1000 || '/file_' || n || '_T' || rule || '.txt',
        md5('etag ' || n), lpad(to_hex(n), 16, '0'), 1000 + n % 7919, 'file_' || n || '_T' || rule || '.txt',
        state, received_at + interval '20 s', 'bench', rule, 1, 'BENCH', 'stage', 't' || rule % 5000,
        CASE WHEN is_prepared THEN '[{"key": "k", "size_bytes": 1}]'::jsonb ELSE '[]' END,
        CASE WHEN is_prepared THEN 'processing/manifests/' || n END,
        CASE WHEN is_prepared THEN '{"warehouse": "cluster c/d", "sql": ["LOCK", "COPY"]}'::jsonb END,
        CASE WHEN state IN ('complete', 'failed') THEN 'archive/1/file_' || n END,
        CASE WHEN state IN ('rejected', 'failed') THEN 'a_code' END,
        CASE WHEN state IN ('rejected', 'failed') THEN 'an error' END,
        CASE WHEN state = 'rejected' THEN '{"below_threshold": {}}'::jsonb END,
        CASE WHEN n % 10000 = 7 THEN ARRAY[md5('load ' || n - 1)::uuid] ELSE '{}' END,
        CASE WHEN n % 5000 = 9 THEN md5('load ' || n - 1)::uuid END,
        received_at, received_at,
        CASE WHEN is_prepared THEN received_at + interval '1 s' END,
        CASE WHEN state IN ('submitted', 'complete', 'failed') THEN received_at + interval '2 s' END,
        CASE WHEN state = 'complete' THEN received_at + interval '9 s' END,
        CASE WHEN is_done THEN received_at + interval '10 s' END,
        CASE WHEN is_done THEN received_at + interval '20 s' END,
        CASE WHEN state = 'queued' THEN $5::timestamptz + n % 60 * interval '1 minute' END,
        CASE WHEN state = 'queued' AND n % 2 = 0 THEN 'cluster paused/d' END,
        CASE WHEN state = 'complete' THEN n % 1000 END
    FROM (
        SELECT
            numbered.n,
            numbered.is_done,
            numbered.state,
            numbered.state NOT IN ('received', 'rejected') AS is_prepared,
            CASE WHEN numbered.n % 10 < 3 THEN 1 ELSE 2 + numbered.n % ($4::bigint - 1) END AS rule,
            $5::timestamptz - ($3::bigint - numbered.n) * interval '3 s' AS received_at
        FROM (
            SELECT
                n,
                n <= $3::bigint - $6::bigint AS is_done,
                CASE
                    WHEN n > $3::bigint - $6::bigint THEN (ARRAY['received', 'queued', 'submitted'])[1 + n % 3]
                    WHEN n % 1009 = 0 THEN 'failed'
                    WHEN n % 499 = 0 THEN 'rejected'
                    ELSE 'complete'
                END AS state
            FROM generate_series($1::bigint, $2::bigint) AS n
        ) AS numbered
    ) AS made"#;

const STATEMENTS: &str = r#"
    INSERT INTO rdscnfg.ext_statement (
        load_id, kind, attempt, statement_name, client_token, steps, warehouse, statement_id, state, recorded_at,
        submitted_at, finished_at
    )
    SELECT
        md5('load ' || n)::uuid, 'load', 1, 'longshore/' || n, 'token ' || n, ARRAY['lock', 'copy'], 'cluster c/d',
        'statement ' || n, 'finished', $3::timestamptz, $3::timestamptz, $3::timestamptz
    FROM generate_series($1::bigint, $2::bigint) AS n"#;

/// Where a tenth of the loads began.
const HISTORY: &str = "
    INSERT INTO rdscnfg.ext_file_load_history (load_id, at, to_state, actor)
    SELECT md5('load ' || n)::uuid, $3::timestamptz, 'received', 'bench'
    FROM generate_series($1::bigint, $2::bigint, 10) AS n";

/// One message in two hundred thousand, and the newest twenty, are not sent yet.
const NOTICES: &str = r#"
    INSERT INTO rdscnfg.ext_outbox
        (load_id, outcome, topic_arn, message, created_at, sent_at, message_id, last_error, send_after)
    SELECT
        md5('load ' || n)::uuid, 'loaded', 'arn:aws:sns:eu-west-1:1:files', '{"subject": "loaded"}'::jsonb,
        $3::timestamptz - interval '1 day',
        CASE WHEN NOT is_unsent THEN $3::timestamptz END,
        CASE WHEN NOT is_unsent THEN 'm' || n END,
        CASE WHEN is_unsent THEN 'throttled' END,
        CASE WHEN is_unsent THEN $3::timestamptz - interval '1 minute' END
    FROM (
        SELECT n, n % 200000 = 0 OR n > $2::bigint - 20 AS is_unsent
        FROM generate_series($1::bigint, $2::bigint) AS n
    ) AS made"#;

/// Fills the rule tables, once.
pub(crate) async fn rules(client: &Client, count: i64) -> Result<(), Error> {
    let settings = "SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off";
    client.batch_execute(settings).await?;
    let feed = "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (1, 'BENCH')";
    client.execute(feed, &[]).await?;
    client.execute(RULES, &[&count]).await?;
    client.execute(COLUMNS, &[&count]).await?;
    let warehouse = format!(
        "INSERT INTO rdscnfg.ext_warehouse (warehouse, failures, paused_at, paused_by, probe_at, last_error, last_failed_at)
         VALUES ('cluster paused/d', 5, '{NOW}', md5('load 1')::uuid, '{NOW}', 'down', '{NOW}')"
    );
    client.execute(&warehouse, &[]).await?;
    // Every other rule has a table of snapshots: half of these rest, the others are due one after the other.
    let schedules = format!(
        "INSERT INTO rdscnfg.ext_snapshot_schedule
             (ext_file_config_sid, tgt_table_name, in_operation, schedule, planned_for, due_at)
         SELECT rule, 't', rule % 4 = 0, '0 6 * * *', '0 6 * * *',
             timestamptz '{NOW}' + rule * interval '1 minute' - interval '10 minutes'
         FROM generate_series(2, $1::bigint, 2) AS rule"
    );
    client.execute(&schedules, &[&count]).await?;
    expected_files(client, count).await
}

/// Every other rule expects files: half of these rest, the others are due one after the other. Of each a time was missed, and of
/// some it is not known yet whether what was missing comes.
async fn expected_files(client: &Client, rules: i64) -> Result<(), Error> {
    let expected = format!(
        "INSERT INTO rdscnfg.ext_file_expectation
             (ext_file_config_sid, in_operation, expected_schedule, counted_until, next_at, due_at)
         SELECT rule, rule % 4 = 0, '0 6 * * *', timestamptz '{NOW}' - interval '1 day', timestamptz '{NOW}',
             timestamptz '{NOW}' + rule * interval '1 minute' - interval '10 minutes'
         FROM generate_series(2, $1::bigint, 2) AS rule"
    );
    client.execute(&expected, &[&rules]).await?;
    let late = format!(
        "INSERT INTO rdscnfg.ext_file_late
             (ext_file_config_sid, ext_interface_cid, interface_name, expected_at, expected_timezone, grace_until,
              awaited_until, expected_files, arrived_files, follows_missed, found_at, settled_at)
         SELECT rule, 1, 'BENCH', late.at, 'UTC', late.at, late.at + interval '1 hour', 1, 0, false, late.at,
             CASE WHEN rule > 40 THEN late.at + interval '1 hour' END
         FROM generate_series(2, $1::bigint, 2) AS rule,
             LATERAL (SELECT timestamptz '{NOW}' - rule * interval '1 minute' AS at) AS late"
    );
    client.execute(&late, &[&rules]).await?;
    Ok(())
}

/// Makes the ledger anew with `count` loads. Indexes are built afterwards, which takes a tenth of the time.
pub(crate) async fn ledger(client: &Client, count: i64, rules: i64) -> Result<(), Error> {
    client
        .batch_execute("TRUNCATE rdscnfg.ext_file_load, rdscnfg.ext_statement, rdscnfg.ext_outbox CASCADE")
        .await?;
    let indexes = drop_indexes(client).await?;
    let now = chrono::DateTime::parse_from_rfc3339(NOW)
        .expect("the constant is a time")
        .to_utc();
    let open = i64::try_from(OPEN).expect("some hundreds");
    client
        .execute(LOADS, &[&1_i64, &count, &count, &rules, &now, &open])
        .await?;
    client.execute(STATEMENTS, &[&1_i64, &count, &now]).await?;
    client.execute(HISTORY, &[&1_i64, &count, &now]).await?;
    client.execute(NOTICES, &[&1_i64, &count, &now]).await?;
    for index in indexes {
        client.batch_execute(&index).await?;
    }
    client.batch_execute("ANALYZE").await
}

/// Drops what is no constraint; gives what makes it again.
async fn drop_indexes(client: &Client) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT found.indexname, found.indexdef
         FROM pg_indexes AS found
         WHERE found.schemaname = 'rdscnfg'
             AND found.tablename IN ({TABLES})
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = found.indexname)"
    );
    let mut made_again = Vec::new();
    for row in client.query(&sql, &[]).await? {
        let (name, definition): (String, String) = (row.get(0), row.get(1));
        client
            .batch_execute(&format!("DROP INDEX rdscnfg.{name}"))
            .await?;
        made_again.push(definition);
    }
    Ok(made_again)
}

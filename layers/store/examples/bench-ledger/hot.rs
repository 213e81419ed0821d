//! The statements that are asked all the time, each with what it is asked about.

use super::fill::{NOW, OPEN};

/// A statement of the store with its parameters as SQL.
pub(crate) struct Hot {
    /// What it is asked for.
    pub(crate) what: &'static str,
    /// Its text.
    pub(crate) sql: &'static str,
    /// Its parameters, as `EXECUTE` takes them.
    pub(crate) parameters: Vec<String>,
}

macro_rules! hot {
    ($what:expr, $file:literal, [$($parameter:expr),* $(,)?]) => {
        hot!($what, $file, vec![$($parameter.to_string()),*])
    };
    ($what:expr, $file:literal, $parameters:expr) => {
        Hot {
            what: $what,
            sql: include_str!(concat!("../../../../sql/config-db/queries/", $file, ".sql")),
            parameters: $parameters,
        }
    };
}

const NULL: &str = "NULL";

fn id(load: i64) -> String {
    format!("md5('load {load}')::uuid")
}

fn quoted(text: impl std::fmt::Display) -> String {
    format!("'{text}'")
}

fn seconds_ago(seconds: i64) -> String {
    format!("timestamptz '{NOW}' - interval '{seconds} s'")
}

fn array(items: impl Iterator<Item = String>, element: &str) -> String {
    let items: Vec<String> = items.collect();
    format!("ARRAY[{}]::{element}[]", items.join(", "))
}

/// A ledger, as far as its questions go.
pub(crate) struct Ledger {
    /// Its loads.
    pub(crate) loads: i64,
    /// Its rules.
    pub(crate) rules: i64,
}

impl Ledger {
    fn rule_of(&self, load: i64) -> i64 {
        match load % 10 {
            0..3 => 1,
            _ => 2 + load % (self.rules - 1),
        }
    }

    fn key(&self, load: i64) -> String {
        let (tenant, rule) = (load % 1000, self.rule_of(load));
        format!("in/tenant_{tenant}/file_{load}_T{rule}.txt")
    }

    /// Some load in the middle of it that is complete and of rule 1.
    fn middle(&self) -> i64 {
        let middle = self.loads / 2 / 10 * 10 + 1;
        (middle..)
            .step_by(10)
            .find(|load| load % 1009 != 0 && load % 499 != 0)
            .unwrap_or(middle)
    }

    /// As many as a page of a listing has; of a small ledger a hundredth.
    fn page(&self) -> std::ops::Range<i64> {
        self.middle()..self.middle() + 1000.min(self.loads / 100)
    }

    /// A rule whose number leaves this remainder.
    fn rule(&self, remainder: i64) -> i64 {
        self.rules / 2 / 100 * 100 + remainder
    }

    /// Every question.
    pub(crate) fn questions(&self) -> Vec<Hot> {
        [
            self.of_rules(),
            self.of_claims(),
            self.of_lists(),
            self.of_batches(),
            self.of_reconciling(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of_rules(&self) -> Vec<Hot> {
        let candidates = |what, token: &str, key: &str, queue: &str| {
            hot!(what, "rule_list_candidates", [quoted(token), quoted(key), queue])
        };
        let (pattern, expression, token) = (self.rule(1), self.rule(2), self.rule(3));
        let queue = quoted(format!("queue_{}", self.rule(0)));
        let some = (2..25).chain([pattern, expression, token]);
        let some = array(some.map(|rule| rule.to_string()), "integer");
        let by_token = format!("in/tenant_7/file_1_T{token}.txt");
        let by_pattern = format!("lake/feed_{pattern}/yyyy=2026/mm=11/part_1.csv");
        let by_expression = format!("drop/partner_{expression}/20261121_orders.csv");
        vec![
            candidates("rules by token", &format!("T{token}"), &by_token, NULL),
            candidates("rules by key pattern", "1", &by_pattern, NULL),
            candidates("rules by key expression", "orders", &by_expression, NULL),
            candidates("rules by queue", "x", "any/thing.csv", &queue),
            candidates(
                "rules for a key of 1,000 characters",
                "x",
                &"deep/".repeat(200),
                NULL,
            ),
            hot!("rules' rows, of 26 candidates", "rule_list", [some]),
        ]
    }

    fn of_claims(&self) -> Vec<Hot> {
        let known = self.middle();
        let (until, now) = (quoted("2026-11-21T12:15:00Z"), quoted(NOW));
        let insert = |what, load: &str, key: &str, etag: &str, sequencer: &str| {
            hot!(
                what,
                "load_insert",
                [
                    load,
                    quoted("landing"),
                    quoted(key),
                    NULL,
                    etag,
                    sequencer,
                    10,
                    quoted("f"),
                    quoted("worker"),
                    now,
                    NULL,
                    quoted("{}"),
                    NULL,
                ]
            )
        };
        let (key, etag) = (self.key(known), format!("md5('etag {known}')"));
        let sequencer = format!("lpad(to_hex({known}), 16, '0')");
        let mut asked = vec![
            insert(
                "put a new object on the ledger",
                "md5('new')::uuid",
                "in/new_T7.txt",
                "'e'",
                "'00'",
            ),
            insert(
                "meet the load of a repeated event",
                &id(known),
                &key,
                &etag,
                &sequencer,
            ),
            hot!(
                "claim an announced object",
                "load_claim",
                [
                    quoted("landing"),
                    quoted(&key),
                    NULL,
                    etag,
                    sequencer,
                    quoted("worker"),
                    quoted("prepare"),
                    until,
                    now,
                ]
            ),
        ];
        let open = self.loads - 1;
        asked.extend([
            hot!(
                "take over a listed load",
                "load_adopt",
                [
                    quoted("landing"),
                    quoted(self.key(known)),
                    NULL,
                    "md5('e')",
                    quoted("00AA"),
                    now,
                    quoted("q1"),
                ]
            ),
            hot!(
                "claim by id",
                "load_claim_again",
                [id(open), quoted("worker"), quoted("prepare"), until, now]
            ),
            hot!(
                "claim for finishing",
                "load_claim_finish",
                [id(open), quoted("worker"), quoted("finish"), until, now]
            ),
            hot!("find a load", "load_find", [id(known)]),
            hot!(
                "find a load by statement",
                "statement_find_load_by_id",
                [quoted(format!("statement {known}"))]
            ),
            hot!(
                "loads of the same content",
                "load_list_same_content",
                [id(known), 1000]
            ),
            hot!(
                "loads that are replaceable",
                "load_list_replaceable",
                [id(known), 1000]
            ),
            hot!(
                "loads of other contents of a key",
                "load_list_of_other_contents",
                [id(known), 1000]
            ),
            hot!(
                "rows beside those of a page of loads",
                "load_list_beside",
                [array(self.page().map(id), "uuid")]
            ),
            hot!("lock a content", "load_lock_content", [id(known)]),
            hot!("count replays", "load_count_replays", [id(known)]),
            hot!("parts of a load", "load_list_children", [id(known)]),
            hot!(
                "files whose last delivery ended",
                "load_list_delivered",
                [id(known)]
            ),
            hot!(
                "what a dead try held",
                "load_list_held",
                [quoted("ledger"), id(known)]
            ),
            hot!(
                "loads of a key",
                "load_list_of_key",
                [quoted("landing"), quoted(self.key(known)), 1000,]
            ),
        ]);
        asked
    }

    fn of_lists(&self) -> Vec<Hot> {
        let time = |ago: Option<i64>| ago.map_or(NULL.to_owned(), seconds_ago);
        let list = |what, state: &str, rule: i64, since: Option<i64>, until: Option<i64>| {
            let rule = if rule == 0 {
                NULL.to_owned()
            } else {
                rule.to_string()
            };
            let (since, until) = (time(since), time(until));
            hot!(
                what,
                "load_list",
                [
                    state, &rule, &since, &until, "50", NULL, NULL, NULL, NULL, "false"
                ]
            )
        };
        let found = |what, since: Option<i64>, name: &str, key: &str, code: &str| {
            let since = time(since);
            hot!(
                what,
                "load_list",
                [NULL, NULL, &since, NULL, "50", name, key, NULL, code, "false"]
            )
        };
        let old = self.loads * 3 / 2;
        let (known, middle) = (self.key(self.middle()).replace('_', r"\_"), self.middle());
        vec![
            list("list loads", NULL, 0, None, None),
            list("list loads, by state", "'failed'", 0, None, None),
            list(
                "list loads, by a state that none is in",
                "'transforming'",
                0,
                None,
                None,
            ),
            list("list loads, by rule", NULL, 1, None, None),
            list("list loads, by a rule with few", NULL, self.rule(7), None, None),
            list("list loads, by rule and state", "'failed'", 1, None, None),
            list(
                "list loads, by rule and a state that none is in",
                "'split'",
                1,
                None,
                None,
            ),
            list(
                "list loads, of an hour long ago",
                NULL,
                0,
                Some(old),
                Some(old - 3600),
            ),
            list(
                "list loads, by rule, of an hour long ago",
                NULL,
                1,
                Some(old),
                Some(old - 3600),
            ),
            found(
                "list loads, by the beginning of a name",
                None,
                &quoted(format!(r"file\_{middle}\_%")),
                NULL,
                NULL,
            ),
            found(
                "list loads, by a name that none has",
                None,
                "'nothing%'",
                NULL,
                NULL,
            ),
            found(
                "list loads, by a key",
                None,
                NULL,
                &quoted(format!("{known}%")),
                NULL,
            ),
            found(
                "list loads, by a folder that none is in",
                None,
                NULL,
                "'out/%'",
                NULL,
            ),
            found("list loads, by code", None, NULL, NULL, "'a_code'"),
            found(
                "list loads, by a code that none has",
                None,
                NULL,
                NULL,
                "'no_code'",
            ),
            found(
                "list loads, by code, of an hour",
                Some(3600),
                NULL,
                NULL,
                "'a_code'",
            ),
            hot!(
                "list loads that are open",
                "load_list",
                [NULL, NULL, NULL, NULL, "50", NULL, NULL, NULL, NULL, "true"]
            ),
            hot!(
                "list loads that are open, by rule and state",
                "load_list",
                ["'failed'", "1", NULL, NULL, "50", NULL, NULL, NULL, NULL, "true"]
            ),
            hot!(
                "what came of a page of loads",
                "load_list_sequels",
                [array((self.middle()..self.middle() + 50).map(id), "uuid")]
            ),
            hot!("states of a load", "history_list", [id(self.middle()), 1000]),
        ]
    }

    fn of_batches(&self) -> Vec<Hot> {
        let (buffer, batch) = ("md5('buffer')::uuid", id(self.middle()));
        vec![
            hot!(
                "buffers that are due",
                "buffer_list_due",
                [quoted(NOW), NULL, 1000]
            ),
            hot!("what waits in a buffer", "buffer_list_waiting", [buffer, 1000]),
            hot!(
                "what was replaced of what waits",
                "buffer_list_superseded",
                [buffer, array(self.page().map(id), "uuid")]
            ),
            hot!(
                "count what waits in a buffer",
                "buffer_count",
                [buffer, NULL, "FALSE", "FALSE"]
            ),
            hot!(
                "what a set may still get",
                "set_await",
                [quoted("landing"), "ARRAY[1, 2]", quoted("in/day"), NULL, buffer]
            ),
            hot!(
                "a batch of a table that is under way",
                "batch_find_under_way",
                [buffer]
            ),
            hot!("files of a batch", "batch_list_carried", [batch]),
            hot!("list batches", "batch_list", [NULL, NULL, NULL, NULL, 50]),
        ]
    }

    fn of_reconciling(&self) -> Vec<Hot> {
        let known = self.middle();
        let (now, bucket) = (quoted(NOW), quoted("landing"));
        let keys = array(self.page().map(|load| quoted(self.key(load))), "text");
        let etags = array(self.page().map(|load| format!("md5('etag {load}')")), "text");
        let times = array(self.page().map(|_| now.clone()), "timestamptz");
        let ids = array(self.page().map(id), "uuid");
        vec![
            hot!(
                "the next load that stands still",
                "load_take_unsettled",
                [now, now, "120", "true"]
            ),
            hot!(
                "compare a page of a listing",
                "load_compare_listed",
                [bucket, keys, etags, times, NULL, NULL]
            ),
            hot!(
                "compare it for one rule",
                "load_compare_listed",
                [bucket, keys, etags, times, "71", quoted("orders")]
            ),
            hot!(
                "put a listed object on the ledger",
                "load_insert_listed",
                [
                    "md5('listed')::uuid",
                    bucket,
                    quoted(self.key(known)),
                    NULL,
                    quoted("e"),
                    quoted("listed-2026-11-21T12:00:00Z"),
                    "10",
                    quoted("f"),
                    quoted("worker"),
                    now,
                    now,
                    NULL,
                    now,
                    NULL,
                    "71",
                    quoted("found by listing"),
                ]
            ),
            hot!("states of a page of markers", "load_list_of_markers", [ids]),
            hot!(
                "a page of a table's loads",
                "load_list_loaded_into",
                [quoted("cluster c/d"), quoted("stage"), quoted("t1"), NULL, "1000",]
            ),
            hot!(
                "a plan of a table",
                "load_find_plan",
                [quoted("cluster c/d"), quoted("stage"), quoted("t1")]
            ),
            hot!(
                "a place at a table for a load transaction",
                "load_queue",
                [
                    id(self.loads - 1),
                    "9",
                    now,
                    quoted("worker"),
                    quoted("attempt 9"),
                    quoted("cluster c/d"),
                    "8",
                    now,
                ]
            ),
            hot!(
                "the next that waits for a place at a table",
                "load_let_in",
                [id(known), "1", now]
            ),
            hot!(
                "who waits for a place at any table",
                "load_let_in_all",
                [now, "8"]
            ),
            hot!(
                "wake what waits for a warehouse",
                "load_wake",
                [quoted("cluster paused/d"), now]
            ),
            hot!(
                "messages whose turn it is",
                "notice_claim",
                [NULL, "20", quoted("sender"), now, now]
            ),
            hot!(
                "messages of a load",
                "notice_claim",
                [id(known), "20", quoted("sender"), now, now]
            ),
            hot!(
                "the next table of snapshots that is due",
                "snapshot_take",
                [now, quoted("runner"), now]
            ),
            hot!(
                "a failure of a schedule that is to be told",
                "snapshot_take_untold",
                [now, now]
            ),
            hot!(
                "rules whose files should have come",
                "expectation_list",
                [NULL, now, "100"]
            ),
            hot!(
                "the files of a rule that came within a time",
                "arrival_list",
                ["1", seconds_ago(600), now, "10"]
            ),
            hot!("the newest file of a rule", "arrival_find_newest", ["1"]),
            hot!("late files that came", "late_list_settled", [now, now, "100"]),
            hot!("late files", "late_list", [NULL, "50"]),
            hot!("topics that refuse", "notice_list_unsent", ["100"]),
            hot!(
                "what finished within three minutes",
                "minute_list",
                [seconds_ago(180 + OPEN as i64 * 3), seconds_ago(OPEN as i64 * 3)]
            ),
            hot!("vitals", "vitals", [now]),
        ]
    }
}

//! A chain as it was written becomes queries that can run, or everything that is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ErrorPattern, Pace, StatementRequest};

/// What a query has that does not say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainDefaults {
    /// Where and as whom; only the place, the database and the login are looked at.
    pub request: StatementRequest,
    /// How long to wait.
    pub pace: Pace,
    /// How often a failed query is tried again.
    pub max_retries: u32,
}

/// A query that can run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChainQuery {
    /// What is asked of the Data API.
    #[serde(rename = "Parameters")]
    pub request: StatementRequest,
    /// The statement that is its first try, when it is under way already; else empty.
    pub statement_id: String,
    /// How long to wait.
    #[serde(flatten)]
    pub pace: Pace,
    /// How often it is tried again after a failure.
    pub max_retries: u32,
    /// Which failures are worth another try.
    pub retry_error_match: ErrorPattern,
}

/// Everything that is wrong with a chain, each fault with its place. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ChainFaults(pub Vec<String>);

impl fmt::Display for ChainFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "nothing was run: {}", self.0.join("; "))
    }
}

const SECONDS: &str = "must be a whole number of seconds from 0 to 86400";
const LONGEST_SECONDS: f64 = 86400.0;
/// The fields of a query that hold no number.
const OTHERS: [&str; 3] = ["ExecuteStatementParameters", "RetryErrorMatch", "StatementId"];
const TEXTS: [&str; 8] = [
    "ClusterIdentifier",
    "Database",
    "DbUser",
    "ResultFormat",
    "SecretArn",
    "SessionId",
    "StatementName",
    "WorkgroupName",
];
const NO_TEXTS: [&str; 4] = ["Parameters", "SessionKeepAliveSeconds", "Sql", "WithEvent"];

/// A field that holds a number, and which numbers it takes.
struct NumberRule {
    name: &'static str,
    whole: bool,
    least: f64,
    most: f64,
    rule: &'static str,
}

impl NumberRule {
    const fn seconds(name: &'static str) -> Self {
        Self {
            name,
            whole: true,
            least: 0.0,
            most: LONGEST_SECONDS,
            rule: SECONDS,
        }
    }

    fn fits(&self, value: &Value) -> bool {
        value.as_f64().is_some_and(|number| {
            (self.least..=self.most).contains(&number) && (!self.whole || number.fract() == 0.0)
        })
    }
}

const NUMBERS: [NumberRule; 5] = [
    NumberRule::seconds("InitialWaitTime"),
    NumberRule::seconds("BaseWaitTime"),
    NumberRule {
        name: "WaitMultiplier",
        whole: false,
        least: 1.0,
        most: 100.0,
        rule: "must be a number from 1 to 100",
    },
    NumberRule::seconds("MaxWait"),
    NumberRule {
        name: "MaxRetries",
        whole: true,
        least: 0.0,
        most: 100.0,
        rule: "must be a whole number from 0 to 100",
    },
];

/// Reads a chain. Nothing of one with a fault can run.
pub fn check(chain: &Value, defaults: &ChainDefaults) -> Result<Vec<ChainQuery>, ChainFaults> {
    let Some(list) = chain.as_array() else {
        return Err(ChainFaults(vec![
            "the chain must be a list of queries".to_owned(),
        ]));
    };
    if list.is_empty() {
        return Err(ChainFaults(vec!["the chain holds no query".to_owned()]));
    }
    let mut faults = Vec::new();
    let mut queries = Vec::with_capacity(list.len());
    for (index, given) in list.iter().enumerate() {
        let mut checker = Checker {
            place: format!("query {}", index + 1),
            faults: Vec::new(),
        };
        queries.extend(checker.query(given, defaults));
        faults.extend(checker.faults);
    }
    if faults.is_empty() {
        Ok(queries)
    } else {
        Err(ChainFaults(faults))
    }
}

struct Checker {
    place: String,
    faults: Vec<String>,
}

impl Checker {
    fn query(&mut self, given: &Value, defaults: &ChainDefaults) -> Option<ChainQuery> {
        let bare = Map::from_iter([("ExecuteStatementParameters".to_owned(), given.clone())]);
        let object = given.as_object().unwrap_or(&bare);
        if given.is_object() {
            self.unknown_fields(object);
        }
        let request = self.request(
            object.get("ExecuteStatementParameters"),
            given.is_object(),
            defaults,
        );
        let (pace, max_retries) = self.numbers(object, defaults);
        let retry_error_match = self.retry_error_match(object);
        let statement_id = self.statement_id(object);
        self.faults.is_empty().then_some(ChainQuery {
            request: request?,
            statement_id: statement_id?,
            pace,
            max_retries,
            retry_error_match: retry_error_match?,
        })
    }

    fn fault(&mut self, problem: impl fmt::Display) {
        self.faults.push(format!("{}{problem}", self.place));
    }

    fn unknown_fields(&mut self, object: &Map<String, Value>) {
        let known = |name: &str| OTHERS.contains(&name) || NUMBERS.iter().any(|rule| rule.name == name);
        for name in sorted_names(object).filter(|name| !known(name)) {
            self.fault(format!(", {name}: is not a field of a query"));
        }
    }

    fn request(
        &mut self,
        given: Option<&Value>,
        is_inner: bool,
        defaults: &ChainDefaults,
    ) -> Option<StatementRequest> {
        let inner = if is_inner {
            ", ExecuteStatementParameters"
        } else {
            ""
        };
        match given {
            None => {
                self.fault(": there is no ExecuteStatementParameters, so there is no SQL");
                None
            }
            Some(Value::String(sql)) if sql.trim().is_empty() => {
                self.fault(format!("{inner}: holds no SQL"));
                None
            }
            Some(Value::String(sql)) => {
                let fields = Map::from_iter([("Sql".to_owned(), Value::from(sql.as_str()))]);
                Some(self.placed(&fields, defaults))
            }
            Some(Value::Object(fields)) => {
                self.parameters(fields, inner);
                Some(self.placed(fields, defaults))
            }
            Some(_) => {
                self.fault(format!("{inner}: must be SQL or an object that holds it"));
                None
            }
        }
    }

    fn parameters(&mut self, fields: &Map<String, Value>, inner: &str) {
        self.parameter_names(fields, inner);
        for name in TEXTS {
            if fields.get(name).is_some_and(|value| !is_filled(value)) {
                self.fault(format!("{inner}.{name}: must be text"));
            }
        }
        if fields.get("Parameters").is_some_and(|list| !are_pairs(list)) {
            self.fault(format!(
                "{inner}.Parameters: must be a list of objects with name and value"
            ));
        }
        let keep_alive = NumberRule::seconds("SessionKeepAliveSeconds");
        if fields
            .get(keep_alive.name)
            .is_some_and(|value| !keep_alive.fits(value))
        {
            self.fault(format!("{inner}.SessionKeepAliveSeconds: {SECONDS}"));
        }
        if fields.get("WithEvent").is_some_and(|value| !value.is_boolean()) {
            self.fault(format!("{inner}.WithEvent: must be true or false"));
        }
        if fields.contains_key("ClusterIdentifier") && fields.contains_key("WorkgroupName") {
            self.fault(format!(
                "{inner}: names a cluster and a workgroup; the Data API takes one of them"
            ));
        }
        if !fields.get("Sql").is_some_and(is_filled) {
            self.fault(format!("{inner}.Sql: holds no SQL"));
        }
    }

    fn parameter_names(&mut self, fields: &Map<String, Value>, inner: &str) {
        for name in sorted_names(fields) {
            if name == "ClientToken" {
                self.fault(format!(
                    "{inner}.{name}: is chosen by the chain, anew for each attempt"
                ));
            } else if !TEXTS.contains(&name) && !NO_TEXTS.contains(&name) {
                self.fault(format!("{inner}.{name}: is not a field that a chain passes on"));
            }
        }
    }

    /// Fills in the place and the login. A session knows both.
    fn placed(&mut self, fields: &Map<String, Value>, defaults: &ChainDefaults) -> StatementRequest {
        let mut request = read_request(fields);
        if fields.contains_key("SessionId") {
            return request;
        }
        let given = |name: &str| fields.contains_key(name);
        if !given("ClusterIdentifier") && !given("WorkgroupName") {
            request
                .cluster_identifier
                .clone_from(&defaults.request.cluster_identifier);
            request
                .workgroup_name
                .clone_from(&defaults.request.workgroup_name);
            if request.cluster_identifier.is_none() && request.workgroup_name.is_none() {
                self.fault(": neither it nor the defaults name a cluster or a workgroup");
            }
        }
        if !given("Database") {
            request.database.clone_from(&defaults.request.database);
            if request.database.is_none() {
                self.fault(": neither it nor the defaults name a database");
            }
        }
        if !given("DbUser") && !given("SecretArn") {
            request.db_user.clone_from(&defaults.request.db_user);
            request.secret_arn.clone_from(&defaults.request.secret_arn);
        }
        request
    }

    fn numbers(&mut self, object: &Map<String, Value>, defaults: &ChainDefaults) -> (Pace, u32) {
        let before = self.faults.len();
        for rule in NUMBERS {
            if object.get(rule.name).is_some_and(|value| !rule.fits(value)) {
                self.fault(format!(", {}: {}", rule.name, rule.rule));
            }
        }
        let number = |name: &str, default: f64| object.get(name).and_then(Value::as_f64).unwrap_or(default);
        let pace = Pace {
            initial_wait: number("InitialWaitTime", defaults.pace.initial_wait),
            base_wait: number("BaseWaitTime", defaults.pace.base_wait),
            wait_multiplier: number("WaitMultiplier", defaults.pace.wait_multiplier),
            max_wait: number("MaxWait", defaults.pace.max_wait),
        };
        if self.faults.len() == before && pace.max_wait < pace.base_wait {
            self.fault(", MaxWait: is shorter than BaseWaitTime");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 0 to 100, or a fault that keeps the query from running"
        )]
        let max_retries = number("MaxRetries", f64::from(defaults.max_retries)) as u32;
        (pace, max_retries)
    }

    fn retry_error_match(&mut self, object: &Map<String, Value>) -> Option<ErrorPattern> {
        let parsed = match object.get("RetryErrorMatch") {
            None => ErrorPattern::parse("").map_err(|fault| fault.to_string()),
            Some(Value::String(text)) => ErrorPattern::parse(text).map_err(|fault| fault.to_string()),
            Some(_) => Err("must be text".to_owned()),
        };
        parsed
            .map_err(|problem| self.fault(format!(", RetryErrorMatch: {problem}")))
            .ok()
    }

    fn statement_id(&mut self, object: &Map<String, Value>) -> Option<String> {
        let Some(given) = object.get("StatementId") else {
            return Some(String::new());
        };
        let id = given.as_str().filter(|id| id.is_empty() || is_statement_id(id));
        if id.is_none() {
            self.fault(", StatementId: must be the id of a statement");
        }
        id.map(str::to_owned)
    }
}

/// Names in their order, so that both readers of a chain list its faults alike.
fn sorted_names(object: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.into_iter()
}

fn is_filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// A list of names and values, in the spelling of the API or of Step Functions.
fn are_pairs(value: &Value) -> bool {
    let is_pair = |pair: &Value| {
        let Some(pair) = pair.as_object() else {
            return false;
        };
        let has = |names: [&str; 2]| {
            names
                .iter()
                .any(|name| pair.get(*name).is_some_and(Value::is_string))
        };
        pair.len() == 2 && has(["name", "Name"]) && has(["value", "Value"])
    };
    value
        .as_array()
        .is_some_and(|list| !list.is_empty() && list.iter().all(is_pair))
}

/// The statement ids of the Data API are UUIDs in lower case.
fn is_statement_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let is_plain = |part: &&str| {
        part.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(is_plain)
}

/// The fields that have the right type; those that have not are faults already.
fn read_request(fields: &Map<String, Value>) -> StatementRequest {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let parameters = fields.get("Parameters").cloned().unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 86400, or a fault that keeps the query from running"
    )]
    let seconds = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_f64)
            .map(|seconds| seconds as u32)
    };
    StatementRequest {
        sql: text("Sql").unwrap_or_default(),
        cluster_identifier: text("ClusterIdentifier"),
        workgroup_name: text("WorkgroupName"),
        database: text("Database"),
        db_user: text("DbUser"),
        secret_arn: text("SecretArn"),
        session_id: text("SessionId"),
        session_keep_alive_seconds: seconds("SessionKeepAliveSeconds"),
        statement_name: text("StatementName"),
        result_format: text("ResultFormat"),
        with_event: fields.get("WithEvent").and_then(Value::as_bool),
        parameters: serde_json::from_value(parameters).unwrap_or_default(),
    }
}

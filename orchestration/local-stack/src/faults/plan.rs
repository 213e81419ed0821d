//! The fault plan: what goes wrong, where, when and how often, as text that a person writes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is to go wrong. The default is nothing.
///
/// ```
/// let plan = longshore_local_stack::FaultPlan::from_json(
///     r#"{ "seed": 7, "rules": [
///         { "service": "s3", "operation": "GetObject", "when": { "chance": 0.1 }, "fault": "throttle" }
///     ] }"#,
/// );
/// assert_eq!(plan.unwrap().rules.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Decides every rule that goes by chance: the n-th call that fits a rule meets the same fate for the same seed.
    pub seed: u64,
    /// How every [`FaultProxy`](crate::FaultProxy) of the stack treats its connections.
    pub proxy: ProxyMode,
    /// Every invocation gets a process of its own, so that the k-th outgoing call is the same for each of them.
    #[serde(skip_serializing_if = "is_false")]
    pub cold_starts: bool,
    /// The rules. Delays of several rules add up; of other faults the first rule that strikes wins.
    pub rules: Vec<FaultRule>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The service that it happens to.
    pub service: FaultService,
    /// The operation, as the service calls it (`GetObject`); none for every operation that the fault suits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What else a call must have.
    #[serde(default, rename = "match", skip_serializing_if = "FaultMatch::is_empty")]
    pub matching: FaultMatch,
    /// Which of the calls that fit it strikes.
    #[serde(default)]
    pub when: FaultWhen,
    /// The most times that it strikes; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What goes wrong.
    pub fault: Fault,
}

/// Where faults can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultService {
    /// Requests to S3.
    S3,
    /// Requests to the Redshift Data API.
    RedshiftData,
    /// Requests to Secrets Manager.
    #[serde(rename = "secretsmanager")]
    SecretsManager,
    /// Requests to SNS.
    Sns,
    /// Requests to SQS.
    Sqs,
    /// Requests to STS.
    Sts,
    /// Requests to EventBridge, and its deliveries to functions (operation `Deliver`).
    Events,
    /// The deliveries of bucket notifications to functions (operation `Deliver`).
    S3Notifications,
    /// Requests to Lambda (`Invoke`), and the functions' processes (`Start`, `Invocation`, `OutgoingCall`).
    Lambda,
    /// Calls through a [`FaultProxy`](crate::FaultProxy): `Startup`, `Password`, `Query`, `Sync`, `Copy`.
    Postgres,
}

/// What a call must have for a rule to apply. What is not given is not asked for; what is given and the call has not,
/// such as a statement's name in DescribeStatement, does not match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultMatch {
    /// The bucket's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the object's key begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// What the name of the Data API statement begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_prefix: Option<String>,
    /// The function: the one that calls, is invoked, or is delivered to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The n-th attempt of the calling function since the plan was put in place, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<u64>,
    /// What the event that the calling function works on, or is about to get, contains as text: a key, a statement's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_contains: Option<String>,
}

impl FaultMatch {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which of the calls that fit a rule it strikes. Calls are counted from 1, for each rule by itself; only outgoing
/// calls of a function have the number that they have within their invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultWhen {
    /// Every one.
    #[default]
    Always,
    /// The k-th.
    Call(u64),
    /// Every n-th.
    Every(u64),
    /// The first n.
    First(u64),
    /// Each with this probability, between 0 and 1.
    Chance(f64),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The service's own throttling error.
    Throttle,
    /// The service's own error for a fault of its making.
    ServerError {
        /// 500 or 503.
        #[serde(default = "internal_server_error")]
        status: u16,
    },
    /// An error by its code; before PostgreSQL, an SQLSTATE.
    Refuse {
        /// The code.
        code: String,
        /// The HTTP status, which PostgreSQL has not.
        #[serde(default = "bad_request")]
        status: u16,
    },
    /// The connection is closed before the effect took place.
    CloseBefore,
    /// The effect takes place and the connection is closed instead of an answer.
    CloseAfter,
    /// The call or the delivery waits.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The body of GetObject ends early.
    CutBody {
        /// How much of it is sent.
        after_bytes: u64,
        /// Whether the answer looks complete (true) or the connection breaks (false).
        #[serde(default)]
        silent: bool,
    },
    /// The delivery does not happen.
    Drop,
    /// The delivery happens twice.
    Duplicate,
    /// The delivery is held back until later ones of the same service went.
    Reorder {
        /// How many.
        after: u64,
        /// How long it waits at most when fewer come.
        #[serde(default = "longest_hold")]
        at_most_milliseconds: u64,
    },
    /// The function's process is killed.
    Kill {
        /// When its outgoing call is killed: before or after that call had its effect.
        #[serde(default)]
        moment: KillMoment,
    },
}

/// On which side of an outgoing call its caller dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillMoment {
    /// The call never arrives.
    #[default]
    BeforeEffect,
    /// The call is served to its end and nobody is there to hear the answer.
    AfterEffect,
}

/// How a [`FaultProxy`](crate::FaultProxy) treats its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProxyMode {
    /// Passes everything on.
    #[default]
    Forward,
    /// Keeps connections open and passes nothing on, until told otherwise.
    Hang,
    /// Resets every connection, old and new.
    Reset,
    /// Resets new connections and leaves old ones alone.
    Refuse,
    /// Passes bytes on slowly.
    Slow {
        /// In each direction of each connection.
        bytes_per_second: u64,
    },
}

/// Why a fault plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FaultPlanError {
    /// The text is not a plan: not JSON, or with a field or a word that plans do not have.
    #[error("the fault plan cannot be read: {source}")]
    Syntax {
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A rule makes no sense.
    #[error("rules[{position}] of the fault plan is wrong: {reason}")]
    Rule {
        /// The rule's position, from 0.
        position: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The proxy's mode makes no sense.
    #[error("proxy of the fault plan is wrong: bytes_per_second must be at least 1")]
    Proxy,
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl FaultPlan {
    /// Reads a plan and checks it.
    ///
    /// # Errors
    /// [`FaultPlanError`], with line and column or with the rule that is wrong.
    pub fn from_json(text: &str) -> Result<Self, FaultPlanError> {
        let plan: Self = serde_json::from_str(text).map_err(|source| FaultPlanError::Syntax { source })?;
        plan.check()?;
        Ok(plan)
    }

    /// Checks what types alone cannot: numbers, and that every fault can happen where its rule puts it.
    pub(crate) fn check(&self) -> Result<(), FaultPlanError> {
        if matches!(self.proxy, ProxyMode::Slow { bytes_per_second: 0 }) {
            return Err(FaultPlanError::Proxy);
        }
        for (position, rule) in self.rules.iter().enumerate() {
            rule.check()
                .map_err(|reason| FaultPlanError::Rule { position, reason })?;
        }
        Ok(())
    }
}

impl FaultRule {
    fn check(&self) -> Result<(), String> {
        match self.when {
            FaultWhen::Call(0) | FaultWhen::Every(0) | FaultWhen::First(0) => {
                return Err("when counts calls from 1, so 0 would never strike".to_owned());
            }
            FaultWhen::Chance(chance) if !(0.0..=1.0).contains(&chance) => {
                return Err(format!(
                    "when.chance is {chance}; a probability is between 0 and 1"
                ));
            }
            _ => {}
        }
        match &self.fault {
            Fault::ServerError { status } if !matches!(status, 500 | 503) => {
                return Err(format!(
                    "fault.server_error.status is {status}; it must be 500 or 503"
                ));
            }
            Fault::Refuse { status, .. } if !(400..600).contains(status) => {
                return Err(format!(
                    "fault.refuse.status is {status}; it must be between 400 and 599"
                ));
            }
            _ => {}
        }
        self.check_place()
    }

    fn check_place(&self) -> Result<(), String> {
        let kind = self.fault.kind();
        let operation = self.operation.as_deref();
        let stages = Stage::of(self.service, operation);
        if !stages.iter().any(|stage| self.fault.suits(*stage)) {
            let place = operation.map_or_else(
                || self.service.to_string(),
                |operation| format!("{} {operation}", self.service),
            );
            return Err(format!(
                "{kind} cannot happen to {place}; README.md says what can"
            ));
        }
        match self.fault {
            Fault::CutBody { .. } if self.service != FaultService::S3 => {
                Err("cut_body is for the service s3 alone".to_owned())
            }
            Fault::Kill { .. } if operation.is_none() => {
                Err("kill needs an operation: Start, Invocation or OutgoingCall".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The way of a call on which a fault can meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A request to a service.
    Request,
    /// An event on its way to a function.
    Delivery,
    /// What a function's process does.
    Process,
    /// A call through a proxy.
    Database,
}

impl Stage {
    fn of(service: FaultService, operation: Option<&str>) -> &'static [Self] {
        match (service, operation) {
            (FaultService::Lambda, Some("Start" | "Invocation" | "OutgoingCall")) => &[Self::Process],
            (FaultService::Lambda, None) => &[Self::Request, Self::Process],
            (FaultService::S3Notifications, _) | (FaultService::Events, Some("Deliver")) => &[Self::Delivery],
            (FaultService::Events, None) => &[Self::Request, Self::Delivery],
            (FaultService::Postgres, _) => &[Self::Database],
            _ => &[Self::Request],
        }
    }
}

impl Fault {
    /// Whether it can happen at a stage.
    pub(crate) fn suits(&self, stage: Stage) -> bool {
        match self {
            Self::Throttle | Self::ServerError { .. } | Self::CutBody { .. } => stage == Stage::Request,
            Self::Refuse { .. } | Self::CloseBefore | Self::CloseAfter => {
                matches!(stage, Stage::Request | Stage::Database)
            }
            Self::Delay { .. } => stage != Stage::Process,
            Self::Drop | Self::Duplicate | Self::Reorder { .. } => stage == Stage::Delivery,
            Self::Kill { .. } => stage == Stage::Process,
        }
    }

    /// The word for it in plans and counters.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::ServerError { .. } => "server_error",
            Self::Refuse { .. } => "refuse",
            Self::CloseBefore => "close_before",
            Self::CloseAfter => "close_after",
            Self::Delay { .. } => "delay",
            Self::CutBody { .. } => "cut_body",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Kill { .. } => "kill",
        }
    }
}

impl FaultService {
    /// The service that a credential scope names; none when it can have no faults.
    pub(crate) fn of_credential(name: &str) -> Option<Self> {
        Some(match name {
            "s3" => Self::S3,
            "redshift-data" => Self::RedshiftData,
            "secretsmanager" => Self::SecretsManager,
            "sns" => Self::Sns,
            "sqs" => Self::Sqs,
            "sts" => Self::Sts,
            "events" => Self::Events,
            "lambda" => Self::Lambda,
            _ => return None,
        })
    }
}

impl fmt::Display for FaultService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::S3 => "s3",
            Self::RedshiftData => "redshift-data",
            Self::SecretsManager => "secretsmanager",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
            Self::Events => "events",
            Self::S3Notifications => "s3-notifications",
            Self::Lambda => "lambda",
            Self::Postgres => "postgres",
        })
    }
}

fn internal_server_error() -> u16 {
    500
}

fn bad_request() -> u16 {
    400
}

fn longest_hold() -> u64 {
    10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        FaultPlan::from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn a_field_that_plans_do_not_have_is_refused_with_its_place() {
        let message = refused("{\n  \"rules\": [],\n  \"sede\": 1\n}");
        assert!(
            message.contains("`sede`") && message.contains("line 3 column"),
            "{message}"
        );
        let message =
            refused(r#"{"rules":[{"service":"s3","fault":{"cut_body":{"after_bytes":1,"loud":true}}}]}"#);
        assert!(message.contains("`loud`"), "{message}");
    }

    #[test]
    fn a_fault_where_it_cannot_happen_is_refused_with_its_rule() {
        let message =
            refused(r#"{"rules":[{"service":"s3","fault":"throttle"},{"service":"sns","fault":"drop"}]}"#);
        assert_eq!(
            message,
            "rules[1] of the fault plan is wrong: drop cannot happen to sns; README.md says what can"
        );
        let message = refused(r#"{"rules":[{"service":"lambda","fault":{"kill":{}}}]}"#);
        assert!(message.contains("Start, Invocation or OutgoingCall"), "{message}");
    }

    #[test]
    fn numbers_that_would_never_strike_are_refused() {
        for (when, word) in [
            (r#"{"call":0}"#, "from 1"),
            (r#"{"chance":1.5}"#, "between 0 and 1"),
        ] {
            let message = refused(&format!(
                r#"{{"rules":[{{"service":"s3","when":{when},"fault":"throttle"}}]}}"#
            ));
            assert!(message.contains(word), "{message}");
        }
        assert!(refused(r#"{"proxy":{"slow":{"bytes_per_second":0}}}"#).contains("at least 1"));
    }

    #[test]
    fn the_plan_of_the_readme_is_one() {
        let readme = include_str!("../../README.md");
        let example = readme
            .split("```json")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        assert_eq!(FaultPlan::from_json(example).unwrap().rules.len(), 4);
    }

    #[test]
    fn a_plan_is_written_as_it_is_read() {
        let text = r#"{"seed":7,"proxy":{"slow":{"bytes_per_second":9}},"rules":[{"service":"lambda","operation":"OutgoingCall","match":{"function":"loader"},"when":{"call":3},"times":1,"fault":{"kill":{"moment":"after_effect"}}},{"service":"s3-notifications","when":{"every":2},"fault":"duplicate"}]}"#;
        let plan = FaultPlan::from_json(text).unwrap();
        assert_eq!(serde_json::to_string(&plan).unwrap(), text);
    }
}

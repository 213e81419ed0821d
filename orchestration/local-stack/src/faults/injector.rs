//! Deciding which calls meet a fault, and counting.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::faults::plan::{
    Fault, FaultPlan, FaultPlanError, FaultRule, FaultService, FaultWhen, ProxyMode, Stage,
};

/// How many attempts are remembered with their outgoing calls.
const REMEMBERED: usize = 512;

/// A call that may meet a fault.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: FaultService,
    pub(crate) stage: Stage,
    pub(crate) operation: String,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) statement: Option<String>,
    pub(crate) function: Option<String>,
    /// The number of the calling function's attempt.
    pub(crate) invocation: Option<u64>,
    /// The event that the calling function works on.
    pub(crate) event: Option<Arc<str>>,
    /// The number that `when` goes by, where it is not the rule's own count.
    pub(crate) number: Option<u64>,
    /// What it reads or changes, as the request names it; of a copy the target first.
    pub(crate) resources: Vec<String>,
}

impl Call {
    /// A call of which no more is known than this.
    pub(crate) fn new(service: FaultService, stage: Stage, operation: impl Into<String>) -> Self {
        Self {
            service,
            stage,
            operation: operation.into(),
            bucket: None,
            key: None,
            statement: None,
            function: None,
            invocation: None,
            event: None,
            number: None,
            resources: Vec::new(),
        }
    }
}

/// What a call is to suffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
    /// Which of the plans that were in force decided it, from 1.
    pub(crate) plan: u64,
}

/// The plan in force, its counters, and what the functions called.
pub(crate) struct Faults {
    state: Mutex<State>,
    proxy: watch::Sender<ProxyMode>,
}

#[derive(Default)]
struct State {
    plan: FaultPlan,
    installed: u64,
    counts: Vec<Count>,
    injected: BTreeMap<&'static str, u64>,
    attempts: HashMap<String, u64>,
    records: VecDeque<Record>,
    opened: u64,
    held: Vec<Held>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    matched: u64,
    injected: u64,
}

/// One attempt of an invocation and the calls that it made.
struct Record {
    id: u64,
    function: String,
    number: u64,
    request_id: Option<String>,
    calls: Vec<String>,
    /// Of each call, what it was about.
    resources: Vec<Vec<String>>,
}

/// An attempt that has just begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) record: u64,
    /// The number of the attempt among those of its function since the plan was put in place, from 1.
    pub(super) number: u64,
}

/// A delivery that waits for others to pass.
pub(super) struct Held {
    pub(super) service: FaultService,
    pub(super) function: String,
    pub(super) sequence: u64,
    pub(super) remaining: u64,
    /// The plan that had it wait.
    pub(super) plan: u64,
}

impl Faults {
    /// Puts a plan in force that has been checked.
    pub(crate) fn new(plan: FaultPlan) -> Arc<Self> {
        let faults = Self {
            state: Mutex::default(),
            proxy: watch::Sender::new(plan.proxy),
        };
        faults.install(plan);
        Arc::new(faults)
    }

    /// Replaces the plan and gives the deliveries that the old one held back. The rules count from the beginning; what was
    /// injected stays counted by kind.
    pub(super) fn replace(&self, plan: FaultPlan) -> Result<Vec<Held>, FaultPlanError> {
        plan.check()?;
        Ok(self.install(plan))
    }

    fn install(&self, plan: FaultPlan) -> Vec<Held> {
        let mode = plan.proxy;
        let held = {
            let mut state = self.state();
            state.installed += 1;
            state.counts = vec![Count::default(); plan.rules.len()];
            state.plan = plan;
            state.attempts.clear();
            state.records.clear();
            std::mem::take(&mut state.held)
        };
        self.proxy.send_replace(mode);
        held
    }

    /// Whether every invocation gets a process of its own.
    pub(crate) fn has_cold_starts(&self) -> bool {
        self.state().plan.cold_starts
    }

    /// What a call is to suffer; counts it.
    pub(crate) fn decide(&self, call: &Call) -> Verdict {
        self.state().decide(call)
    }

    /// The mode of the proxies, to watch.
    pub(super) fn proxy_mode(&self) -> watch::Receiver<ProxyMode> {
        self.proxy.subscribe()
    }

    /// Changes the mode of the proxies and nothing else.
    pub(super) fn set_proxy_mode(&self, mode: ProxyMode) {
        self.state().plan.proxy = mode;
        self.proxy.send_replace(mode);
    }

    /// Counts something that no rule caused: what a mode of the proxies did.
    pub(super) fn count(&self, kind: &'static str) {
        *self.state().injected.entry(kind).or_default() += 1;
    }

    /// Begins an attempt of a function.
    pub(super) fn open(&self, function: &str, request_id: Option<&str>) -> Opened {
        let mut state = self.state();
        let number = {
            let attempts = state.attempts.entry(function.to_owned()).or_default();
            *attempts += 1;
            *attempts
        };
        state.opened += 1;
        let id = state.opened;
        if state.records.len() >= REMEMBERED {
            state.records.pop_front();
        }
        state.records.push_back(Record {
            id,
            function: function.to_owned(),
            number,
            request_id: request_id.map(str::to_owned),
            calls: Vec::new(),
            resources: Vec::new(),
        });
        Opened { record: id, number }
    }

    /// Tells which invocation an attempt is for.
    pub(super) fn name(&self, record: u64, request_id: &str) {
        if let Some(record) = self.state().record(record) {
            record.request_id = Some(request_id.to_owned());
        }
    }

    /// Notes an outgoing call.
    pub(super) fn note(&self, record: u64, call: &Call) {
        if let Some(record) = self.state().record(record) {
            record.calls.push(format!("{} {}", call.service, call.operation));
            record.resources.push(call.resources.clone());
        }
    }

    /// Holds a delivery back; gives it back when the plan that wanted this is no longer in force.
    pub(super) fn hold(&self, held: Held) -> Option<Held> {
        let mut state = self.state();
        if held.plan != state.installed {
            return Some(held);
        }
        state.held.push(held);
        None
    }

    /// Counts a delivery that went, and gives the held ones whose time that makes it.
    pub(super) fn went(&self, service: FaultService) -> Vec<Held> {
        let mut state = self.state();
        for held in &mut state.held {
            if held.service == service {
                held.remaining = held.remaining.saturating_sub(1);
            }
        }
        let (free, held) = std::mem::take(&mut state.held)
            .into_iter()
            .partition(|held| held.remaining == 0);
        state.held = held;
        free
    }

    /// The plan and its counters, as `/_local/faults` shows them.
    pub(crate) fn report(&self) -> Value {
        let state = self.state();
        let rules: Vec<Value> = state
            .plan
            .rules
            .iter()
            .zip(&state.counts)
            .map(
                |(rule, count)| json!({ "rule": rule, "matched": count.matched, "injected": count.injected }),
            )
            .collect();
        let invocations: Vec<Value> = state.records.iter().map(Record::describe).collect();
        json!({
            "seed": state.plan.seed,
            "proxy": state.plan.proxy,
            "rules": rules,
            "injected": state.injected,
            "invocations": invocations,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn decide(&mut self, call: &Call) -> Verdict {
        let mut verdict = Verdict {
            plan: self.installed,
            ..Verdict::default()
        };
        let seed = self.plan.seed;
        for (position, (rule, count)) in self.plan.rules.iter().zip(&mut self.counts).enumerate() {
            if !rule.concerns(call) {
                continue;
            }
            count.matched += 1;
            let number = call.number.unwrap_or(count.matched);
            let is_spent = rule.times.is_some_and(|times| count.injected >= times);
            if is_spent || !rule.when.strikes(number, draw(seed, position, count.matched)) {
                continue;
            }
            match rule.fault {
                Fault::Delay { milliseconds } => verdict.delay += Duration::from_millis(milliseconds),
                _ if verdict.fault.is_some() => continue,
                _ => verdict.fault = Some(rule.fault.clone()),
            }
            count.injected += 1;
            *self.injected.entry(rule.fault.kind()).or_default() += 1;
        }
        verdict
    }

    fn record(&mut self, id: u64) -> Option<&mut Record> {
        self.records.iter_mut().rev().find(|record| record.id == id)
    }
}

impl Record {
    fn describe(&self) -> Value {
        json!({
            "function": self.function,
            "invocation": self.number,
            "requestId": self.request_id,
            "outgoingCalls": self.calls.len(),
            "calls": self.calls,
            "resources": self.resources,
        })
    }
}

impl FaultRule {
    fn concerns(&self, call: &Call) -> bool {
        let begins = |wanted: &Option<String>, given: &Option<String>| {
            let given = given.as_deref();
            wanted
                .as_deref()
                .is_none_or(|wanted| given.is_some_and(|given| given.starts_with(wanted)))
        };
        let is = |wanted: &Option<String>, given: &Option<String>| wanted.is_none() || wanted == given;
        let wanted = &self.matching;
        self.service == call.service
            && self.fault.suits(call.stage)
            && self.operation.as_ref().is_none_or(|name| *name == call.operation)
            && self.fault.fits_operation(&call.operation)
            && is(&wanted.bucket, &call.bucket)
            && begins(&wanted.key_prefix, &call.key)
            && begins(&wanted.statement_prefix, &call.statement)
            && is(&wanted.function, &call.function)
            && (wanted.invocation.is_none() || wanted.invocation == call.invocation)
            && contains(&wanted.event_contains, call.event.as_deref())
    }
}

fn contains(wanted: &Option<String>, given: Option<&str>) -> bool {
    wanted
        .as_deref()
        .is_none_or(|wanted| given.is_some_and(|given| given.contains(wanted)))
}

impl Fault {
    fn fits_operation(&self, operation: &str) -> bool {
        !matches!(self, Self::CutBody { .. }) || operation == "GetObject"
    }
}

impl FaultWhen {
    fn strikes(self, number: u64, draw: f64) -> bool {
        match self {
            Self::Always => true,
            Self::Call(call) => number == call,
            Self::Every(every) => number.is_multiple_of(every),
            Self::First(first) => number <= first,
            Self::Chance(chance) => draw < chance,
        }
    }
}

/// A number between 0 and 1 that depends on nothing but the seed, the rule and the call: other rules and the order in
/// which threads run cannot change it.
fn draw(seed: u64, position: usize, call: u64) -> f64 {
    let position = u64::try_from(position).unwrap_or(u64::MAX);
    let mixed = mix(mix(mix(seed) ^ position) ^ call);
    // The 53 bits that a double holds exactly.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finishing function of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &str) -> Arc<Faults> {
        Faults::new(FaultPlan::from_json(&format!(r#"{{"seed":42,"rules":[{rules}]}}"#)).unwrap())
    }

    fn get_object(key: &str) -> Call {
        Call {
            bucket: Some("landing".to_owned()),
            key: Some(key.to_owned()),
            ..Call::new(FaultService::S3, Stage::Request, "GetObject")
        }
    }

    fn struck(faults: &Faults, calls: u64) -> Vec<u64> {
        let is_struck = |_: &u64| faults.decide(&get_object("a")).fault.is_some();
        (1..=calls).filter(is_struck).collect()
    }

    #[test]
    fn calls_are_struck_by_their_number() {
        let of = |when: &str| {
            let rule = format!(r#"{{"service":"s3","when":{when},"fault":"throttle"}}"#);
            struck(&faults(&rule), 7)
        };
        assert_eq!(of(r#"{"call":3}"#), [3]);
        assert_eq!(of(r#"{"every":3}"#), [3, 6]);
        assert_eq!(of(r#"{"first":2}"#), [1, 2]);
        assert_eq!(of(r#""always""#), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn chance_repeats_itself_for_a_seed_whatever_other_rules_see() {
        let rule = r#"{"service":"s3","operation":"GetObject","when":{"chance":0.3},"fault":"throttle"}"#;
        let alone = struck(&faults(rule), 1000);
        assert!((250..350).contains(&alone.len()), "{}", alone.len());
        let beside = faults(&format!(
            r#"{rule},{{"service":"s3","when":{{"chance":0.5}},"fault":{{"delay":{{"milliseconds":1}}}}}}"#
        ));
        beside.decide(&Call::new(FaultService::S3, Stage::Request, "PutObject"));
        assert_eq!(struck(&beside, 1000), alone);
        beside
            .replace(FaultPlan {
                seed: 43,
                ..FaultPlan::from_json(&format!(r#"{{"rules":[{rule}]}}"#)).unwrap()
            })
            .unwrap();
        assert_ne!(struck(&beside, 1000), alone);
    }

    #[test]
    fn what_a_rule_asks_for_and_a_call_has_not_does_not_match() {
        let faults =
            faults(r#"{"service":"s3","match":{"bucket":"landing","key_prefix":"in/"},"fault":"throttle"}"#);
        assert_eq!(faults.decide(&get_object("out/a")).fault, None);
        let list = Call::new(FaultService::S3, Stage::Request, "ListBuckets");
        assert_eq!(faults.decide(&list).fault, None);
        assert_eq!(faults.decide(&get_object("in/a")).fault, Some(Fault::Throttle));
        let report = faults.report();
        assert_eq!(
            (&report["rules"][0]["matched"], &report["injected"]["throttle"]),
            (&json!(1), &json!(1))
        );
    }

    #[test]
    fn a_rule_aims_at_the_calls_that_are_made_for_one_event() {
        let faults = faults(
            r#"{"service":"lambda","operation":"OutgoingCall","match":{"event_contains":"in/a.txt"},"fault":{"kill":{}}}"#,
        );
        let of_event = |event: Option<&str>| Call {
            event: event.map(Arc::from),
            ..Call::new(FaultService::Lambda, Stage::Process, "OutgoingCall")
        };
        let struck = |event| faults.decide(&of_event(event)).fault.is_some();
        assert!(struck(Some(r#"{"key":"in/a.txt"}"#)));
        assert!(!struck(Some(r#"{"key":"in/b.txt"}"#)));
        assert!(!struck(None));
    }

    #[test]
    fn delays_add_up_and_a_rule_stops_after_its_times() {
        let faults = faults(
            r#"{"service":"s3","times":1,"fault":{"delay":{"milliseconds":5}}},
               {"service":"s3","times":2,"fault":{"delay":{"milliseconds":7}}},
               {"service":"s3","times":1,"fault":"close_before"}"#,
        );
        let first = faults.decide(&get_object("a"));
        assert_eq!(
            (first.delay, first.fault),
            (Duration::from_millis(12), Some(Fault::CloseBefore))
        );
        let second = faults.decide(&get_object("a"));
        assert_eq!((second.delay, second.fault), (Duration::from_millis(7), None));
    }
}

//! Fault plans drawn from a seed, each in force for a few seconds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::World;

const FUNCTIONS: [&str; 3] = [
    "external-file-process",
    "external-file-process-logging",
    "external-file-reconcile",
];
/// Rules in force at once.
const RULES: usize = 6;
/// How long a plan is in force, in milliseconds.
const FORCE: std::ops::Range<u64> = 2_000..6_000;
/// One plan in so many lets the way to PostgreSQL go wrong.
const BAD_WAYS: u64 = 4;

/// The order of the plans of a seed.
pub(super) struct Weather {
    chance: fastrand::Rng,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed.rotate_left(32)),
        }
    }

    /// Changes the plan for as long as it is awaited.
    pub(super) async fn keep_changing(mut self, world: &World) -> anyhow::Result<()> {
        loop {
            let plan = self.plan();
            world.set_faults(&plan).await?;
            tokio::time::sleep(Duration::from_millis(self.chance.u64(FORCE))).await;
        }
    }

    fn plan(&mut self) -> Value {
        let mut rules = Vec::new();
        for _ in 0..RULES {
            rules.extend(self.rules());
        }
        json!({ "seed": self.chance.u64(..), "proxy": self.way_to_postgresql(), "rules": rules })
    }

    fn way_to_postgresql(&mut self) -> Value {
        if self.chance.u64(..BAD_WAYS) > 0 {
            return json!("forward");
        }
        match self.chance.u8(..4) {
            0 => json!("hang"),
            1 => json!("reset"),
            2 => json!("refuse"),
            _ => json!({ "slow": { "bytes_per_second": 100_000 } }),
        }
    }

    /// One thing that goes wrong.
    fn rules(&mut self) -> Vec<Value> {
        match self.chance.u8(..8) {
            0 | 1 => self.of_objects(),
            2 => vec![self.of_service("redshift-data")],
            3 => vec![self.of_service("sns")],
            4 => vec![self.of_deliveries("events")],
            5 => vec![self.of_deliveries("s3-notifications")],
            6 => vec![self.of_processes()],
            _ => vec![self.of_postgresql()],
        }
    }

    /// Of the functions' calls alone: whoever lands files has good weather, or it would not be known what landed.
    fn of_objects(&mut self) -> Vec<Value> {
        let (operation, fault) = match self.chance.u8(..3) {
            0 => (json!("GetObject"), self.cut()),
            _ => (Value::Null, self.request_fault()),
        };
        let rule = |function| {
            let mut rule = json!({
                "service": "s3",
                "match": { "function": function },
                "when": { "chance": 0.08 },
                "fault": fault,
            });
            if !operation.is_null() {
                rule["operation"] = operation.clone();
            }
            rule
        };
        FUNCTIONS.map(rule).to_vec()
    }

    fn cut(&mut self) -> Value {
        json!({ "cut_body": { "after_bytes": self.chance.u64(..60), "silent": self.chance.bool() } })
    }

    fn of_service(&mut self, service: &str) -> Value {
        json!({ "service": service, "when": { "chance": 0.15 }, "fault": self.request_fault() })
    }

    fn request_fault(&mut self) -> Value {
        match self.chance.u8(..6) {
            0 => json!("throttle"),
            1 => json!({ "server_error": { "status": 500 } }),
            2 => json!({ "server_error": { "status": 503 } }),
            3 => json!("close_before"),
            4 => json!("close_after"),
            _ => json!({ "delay": { "milliseconds": self.chance.u64(50..600) } }),
        }
    }

    fn of_deliveries(&mut self, service: &str) -> Value {
        let fault = match self.chance.u8(..4) {
            0 => json!("drop"),
            1 => json!("duplicate"),
            2 => json!({ "delay": { "milliseconds": self.chance.u64(500..4_000) } }),
            _ => json!({ "reorder": { "after": self.chance.u64(1..6), "at_most_milliseconds": 8_000 } }),
        };
        json!({ "service": service, "operation": "Deliver", "when": { "chance": 0.3 }, "fault": fault })
    }

    fn of_processes(&mut self) -> Value {
        let (operation, chance) = match self.chance.u8(..4) {
            0 => ("Start", 0.1),
            1 => ("Invocation", 0.05),
            _ => ("OutgoingCall", 0.01),
        };
        let moment = if self.chance.bool() {
            "before_effect"
        } else {
            "after_effect"
        };
        json!({
            "service": "lambda",
            "operation": operation,
            "when": { "chance": chance },
            "fault": { "kill": { "moment": moment } },
        })
    }

    fn of_postgresql(&mut self) -> Value {
        let fault = match self.chance.u8(..4) {
            0 => json!("close_before"),
            1 => json!("close_after"),
            // The server is shutting down.
            2 => json!({ "refuse": { "code": "57P01" } }),
            _ => json!({ "delay": { "milliseconds": self.chance.u64(20..200) } }),
        };
        json!({ "service": "postgres", "when": { "chance": 0.02 }, "fault": fault })
    }
}

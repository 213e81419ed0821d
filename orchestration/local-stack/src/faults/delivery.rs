//! Deliveries of events to functions: to the durable queue of invocations, by way of the faults.

use std::sync::Arc;
use std::time::Duration;

use crate::faults::injector::{Call, Faults, Held};
use crate::faults::plan::{Fault, FaultPlan, FaultPlanError, FaultService, Stage};
use crate::index::{IndexError, Writer};
use crate::lambda::Invocations;

/// Puts another plan in force. What the old one held back goes on its way.
pub(crate) fn change_plan(
    faults: &Faults,
    invocations: &Invocations,
    plan: FaultPlan,
) -> Result<(), FaultPlanError> {
    for held in faults.replace(plan)? {
        invocations.hasten(&held.function, held.sequence);
    }
    Ok(())
}

/// An event on its way to a function.
pub(crate) struct Delivery<'a> {
    pub(crate) service: FaultService,
    pub(crate) function: &'a str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) statement: Option<&'a str>,
    pub(crate) payload: String,
}

/// What hands events over.
pub(crate) struct Deliveries {
    pub(crate) invocations: Arc<Invocations>,
    pub(crate) faults: Arc<Faults>,
}

impl Deliveries {
    /// Queues an invocation within the transaction that causes it; or two, none, or one for later.
    pub(crate) fn deliver(&self, writer: &Writer, delivery: Delivery<'_>) -> Result<(), IndexError> {
        let verdict = self.faults.decide(&delivery.call());
        let Delivery {
            service,
            function,
            payload,
            ..
        } = delivery;
        match verdict.fault {
            Some(Fault::Drop) => return Ok(()),
            Some(Fault::Reorder {
                after,
                at_most_milliseconds,
            }) => {
                let longest = Duration::from_millis(at_most_milliseconds);
                let sequence = self.invocations.accept(writer, function, payload, longest)?;
                let held = Held {
                    service,
                    function: function.to_owned(),
                    sequence,
                    remaining: after,
                    plan: verdict.plan,
                };
                self.hold_back(writer, held);
                return Ok(());
            }
            Some(Fault::Duplicate) => {
                self.invocations
                    .accept(writer, function, payload.clone(), verdict.delay)?;
            }
            _ => {}
        }
        self.invocations
            .accept(writer, function, payload, verdict.delay)?;
        self.let_held_go(writer, service);
        Ok(())
    }

    fn hold_back(&self, writer: &Writer, held: Held) {
        let (faults, invocations) = (Arc::clone(&self.faults), Arc::clone(&self.invocations));
        writer.after_commit(move || {
            if let Some(free) = faults.hold(held) {
                invocations.hasten(&free.function, free.sequence);
            }
        });
    }

    fn let_held_go(&self, writer: &Writer, service: FaultService) {
        let (faults, invocations) = (Arc::clone(&self.faults), Arc::clone(&self.invocations));
        writer.after_commit(move || {
            for held in faults.went(service) {
                invocations.hasten(&held.function, held.sequence);
            }
        });
    }
}

impl Delivery<'_> {
    fn call(&self) -> Call {
        Call {
            bucket: self.bucket.map(str::to_owned),
            key: self.key.map(str::to_owned),
            statement: self.statement.map(str::to_owned),
            function: Some(self.function.to_owned()),
            ..Call::new(self.service, Stage::Delivery, "Deliver")
        }
    }
}

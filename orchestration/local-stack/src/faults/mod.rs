//! Faults on purpose: what real services do on bad days, on demand and repeatable.
//!
//! The map: [`plan`] is what a person writes; [`injector`] decides and counts; [`request`] applies it to HTTP requests,
//! [`delivery`] to events, [`proxy`] and [`connection`] to PostgreSQL; [`caller`] numbers the calls of a function's process and kills it.

mod body;
mod caller;
mod connection;
mod delivery;
mod injector;
mod messages;
mod operation;
mod plan;
mod proxy;
mod refusal;
mod request;

pub(crate) use caller::Caller;
pub(crate) use delivery::{Deliveries, Delivery, change_plan};
pub(crate) use injector::{Call, Faults};
pub(crate) use operation::s3_call;
pub(crate) use plan::Stage;
pub use plan::{
    Fault, FaultMatch, FaultPlan, FaultPlanError, FaultRule, FaultService, FaultWhen, KillMoment, ProxyMode,
};
pub use proxy::FaultProxy;
pub(crate) use request::under_faults;

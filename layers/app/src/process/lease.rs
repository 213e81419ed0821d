//! Holding a load while working on it.
//!
//! A lease that lasted until its invocation's deadline would keep everybody else waiting for up to a quarter of an hour when that
//! one dies: a queue's message comes back as another invocation. So it is short, and renewed while the work goes on. Whoever
//! cannot renew it in time stops before it is over, and whoever finds it taken stops at once: two never prepare one load.

use std::future::Future;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::LoadId;
use longshore_store::{Lease, LeaseStep, StoreError};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::ProcessObject;
use crate::AppError;
use crate::error::with_causes;

impl ProcessObject<'_> {
    /// One that nobody renews: for the steps beside a load's own walk.
    pub(super) fn lease(&self) -> Lease {
        self.lease_until(self.invocation.deadline)
    }

    /// One that [`holding`](Self::holding) renews.
    pub(super) fn renewed_lease(&self, now: DateTime<Utc>) -> Lease {
        self.lease_until(self.next_end(now))
    }

    fn lease_until(&self, until: DateTime<Utc>) -> Lease {
        Lease {
            owner: self.invocation.request_id.clone(),
            step: LeaseStep::Prepare,
            until,
        }
    }

    fn next_end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        (now + self.app.config.leases.lasts).min(self.invocation.deadline)
    }

    /// Works on a load whose lease lasts until then, and renews that meanwhile.
    pub(super) async fn holding<T>(
        &self,
        load: LoadId,
        until: DateTime<Utc>,
        work: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, AppError> {
        // Side by side: the work may have a connection in its hands that a renewal would wait for.
        tokio::select! {
            biased;
            done = work => done,
            lost = self.renew(load, until) => Err(lost),
        }
    }

    /// Renews a lease until it is lost.
    async fn renew(&self, load: LoadId, mut ends: DateTime<Utc>) -> AppError {
        loop {
            sleep(self.app.config.leases.renewed_every).await;
            let now = self.app.clock.now();
            let next = self.next_end(now);
            match self.renewed(load, next, ends - now).await {
                Ok(true) => ends = next,
                Ok(false) => {
                    return AppError::PreparedElsewhere {
                        load,
                        owner: "somebody else, now that the lease is over".to_owned(),
                    };
                }
                Err(error) if self.is_in_time(ends) => {
                    warn!(
                        "could not renew the lease of load {load} now: {}",
                        with_causes(&error)
                    );
                }
                Err(error) => return error.into(),
            }
        }
    }

    async fn renewed(&self, load: LoadId, next: DateTime<Utc>, left: TimeDelta) -> Result<bool, StoreError> {
        let left = left - self.app.config.leases.margin;
        let renewing = self.app.store.renew_lease(load, self.actor(), next);
        match timeout(left.to_std().unwrap_or_default(), renewing).await {
            Ok(renewed) => renewed,
            // Then it is over before an answer comes.
            Err(_) => Ok(false),
        }
    }

    /// Whether there is time for another try before a lease that ends then is given up.
    fn is_in_time(&self, ends: DateTime<Utc>) -> bool {
        let leases = &self.app.config.leases;
        self.app.clock.now() + leases.renewed_every + leases.margin < ends
    }
}

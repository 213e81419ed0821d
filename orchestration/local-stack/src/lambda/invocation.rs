//! Asynchronous invocations: stored before they are acknowledged, tried again under the same request id, and in the
//! end done or put aside for a person to look at.
//!
//! An invocation that runs is not marked as running on disk. When everything is killed it is simply still there, and
//! the next start delivers it again: at least once, under the id it always had.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::index::{Index, IndexError, Read, Records, Writer};
use crate::time::Moment;

const INVOCATIONS: Records<u64, Invocation> = Records::new("lambda_invocations");

/// How many invocations that went well are remembered for a person to see.
const REMEMBERED: usize = 1000;

/// One invocation from the moment it is accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invocation {
    pub(super) request_id: String,
    pub(super) function: String,
    pub(super) payload: String,
    state: State,
    accepted: Moment,
    due: Moment,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Waiting,
    Succeeded,
    DeadLettered,
}

/// One try and how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) started: Moment,
    pub(super) ended: Moment,
    /// What the function, or its end, reported; none when it succeeded.
    pub(super) error: Option<String>,
}

/// The durable queue of invocations of every function.
pub(crate) struct Invocations {
    index: Arc<Index>,
    schedule: Arc<Schedule>,
    retry_delays: Vec<Duration>,
}

impl Invocations {
    /// Takes up what an earlier run left undone.
    pub(crate) fn open(index: Arc<Index>, retry_delays: Vec<Duration>) -> Result<Arc<Self>, IndexError> {
        let schedule = Arc::new(Schedule::default());
        index.read()?.scan(&INVOCATIONS, 0, |sequence, invocation| {
            match invocation.state {
                State::Waiting => schedule.add(&invocation.function, invocation.due, sequence),
                State::Succeeded => schedule.plan().succeeded.push_back(sequence),
                State::DeadLettered => {}
            }
            ControlFlow::Continue(())
        })?;
        Ok(Arc::new(Self {
            index,
            schedule,
            retry_delays,
        }))
    }

    /// Accepts an invocation within the transaction that causes it, due after a delay, and gives its place in the queue.
    pub(crate) fn accept(
        &self,
        writer: &Writer,
        function: &str,
        payload: String,
        delay: Duration,
    ) -> Result<u64, IndexError> {
        let now = Moment::now();
        let due = now.plus(delay);
        let invocation = Invocation {
            request_id: uuid::Uuid::new_v4().to_string(),
            function: function.to_owned(),
            payload,
            state: State::Waiting,
            accepted: now,
            due,
            attempts: Vec::new(),
        };
        let sequence = writer.next_sequence()?;
        writer.put(&INVOCATIONS, sequence, &invocation)?;
        let schedule = Arc::clone(&self.schedule);
        writer.after_commit(move || schedule.add(&invocation.function, due, sequence));
        Ok(sequence)
    }

    /// Makes an invocation due behind those that are due now, if it still waits. A restart forgets this and waits for
    /// the time that it was accepted with.
    pub(crate) fn hasten(&self, function: &str, sequence: u64) {
        let now = Moment::now().plus(Duration::from_millis(1));
        self.schedule.hasten(function, sequence, now);
    }

    /// Waits for the next invocation of a function that is due, and claims it until [`Invocations::finish`].
    pub(super) async fn next(&self, function: &str) -> Result<(u64, Invocation), IndexError> {
        loop {
            let sequence = self.schedule.claim(function).await;
            if let Some(invocation) = self.index.read()?.get(&INVOCATIONS, sequence)? {
                return Ok((sequence, invocation));
            }
        }
    }

    /// Records how an attempt ended, and what follows: done, another attempt later, or the dead letters.
    pub(super) async fn finish(&self, sequence: u64, attempt: Attempt) -> Result<(), IndexError> {
        let schedule = Arc::clone(&self.schedule);
        let retry_delays = self.retry_delays.clone();
        self.index
            .write(move |writer| {
                let Some(mut invocation) = writer.get(&INVOCATIONS, sequence)? else {
                    return Ok(());
                };
                invocation.record(attempt, &retry_delays);
                writer.put(&INVOCATIONS, sequence, &invocation)?;
                if invocation.state == State::Succeeded
                    && let Some(oldest) = schedule.oldest_to_forget()
                {
                    writer.remove(&INVOCATIONS, oldest)?;
                }
                writer.after_commit(move || schedule.settle(sequence, &invocation));
                Ok(())
            })
            .await
    }

    /// Every invocation that is remembered, for a person to read.
    pub(crate) fn report(&self) -> Result<Value, IndexError> {
        let running = self.schedule.plan().running.clone();
        let mut listed = Vec::new();
        self.index.read()?.scan(&INVOCATIONS, 0, |sequence, invocation| {
            listed.push(invocation.describe(running.contains(&sequence)));
            ControlFlow::Continue(())
        })?;
        Ok(json!({ "invocations": listed }))
    }
}

impl Invocation {
    fn record(&mut self, attempt: Attempt, retry_delays: &[Duration]) {
        let failed = attempt.error.is_some();
        let delay = retry_delays.get(self.attempts.len());
        self.attempts.push(attempt);
        (self.state, self.due) = match delay {
            _ if !failed => (State::Succeeded, self.due),
            Some(delay) => (State::Waiting, Moment::now().plus(*delay)),
            None => (State::DeadLettered, self.due),
        };
    }

    fn describe(&self, is_running: bool) -> Value {
        let state = match self.state {
            State::Waiting if is_running => "running",
            State::Waiting if !self.attempts.is_empty() => "retrying",
            State::Waiting => "waiting",
            State::Succeeded => "succeeded",
            State::DeadLettered => "dead-lettered",
        };
        let payload =
            serde_json::from_str(&self.payload).unwrap_or_else(|_| Value::from(self.payload.clone()));
        let attempts: Vec<Value> = self.attempts.iter().map(Attempt::describe).collect();
        json!({
            "requestId": self.request_id,
            "function": self.function,
            "state": state,
            "accepted": self.accepted.iso8601(),
            "attempts": attempts,
            "payload": payload,
        })
    }
}

impl Attempt {
    fn describe(&self) -> Value {
        json!({ "started": self.started.iso8601(), "ended": self.ended.iso8601(), "error": self.error })
    }
}

/// What is waiting in memory, so that finding the next invocation reads no table.
#[derive(Default)]
struct Schedule {
    plan: Mutex<Plan>,
    changed: Notify,
}

#[derive(Default)]
struct Plan {
    waiting: HashMap<String, BTreeSet<(Moment, u64)>>,
    running: HashSet<u64>,
    succeeded: VecDeque<u64>,
}

impl Schedule {
    fn add(&self, function: &str, due: Moment, sequence: u64) {
        self.plan()
            .waiting
            .entry(function.to_owned())
            .or_default()
            .insert((due, sequence));
        self.changed.notify_waiters();
    }

    fn hasten(&self, function: &str, sequence: u64, due: Moment) {
        if let Some(waiting) = self.plan().waiting.get_mut(function)
            && let Some(entry) = waiting.iter().find(|entry| entry.1 == sequence).copied()
        {
            waiting.remove(&entry);
            waiting.insert((due.min(entry.0), sequence));
        }
        self.changed.notify_waiters();
    }

    /// Waits for the first due invocation of a function and takes it out of the waiting ones.
    async fn claim(&self, function: &str) -> u64 {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let earliest = self.earliest(function);
            match earliest {
                None => changed.await,
                Some((due, _)) if due > Moment::now() => {
                    // Whichever comes first: the time, or something that is due earlier.
                    let _elapsed = tokio::time::timeout(due.until(), changed).await;
                }
                Some(entry) => {
                    if self.take(function, entry) {
                        return entry.1;
                    }
                }
            }
        }
    }

    fn earliest(&self, function: &str) -> Option<(Moment, u64)> {
        self.plan().waiting.get(function)?.first().copied()
    }

    fn take(&self, function: &str, entry: (Moment, u64)) -> bool {
        let mut plan = self.plan();
        let taken = plan
            .waiting
            .get_mut(function)
            .is_some_and(|waiting| waiting.remove(&entry));
        if taken {
            plan.running.insert(entry.1);
        }
        taken
    }

    fn settle(&self, sequence: u64, invocation: &Invocation) {
        self.plan().running.remove(&sequence);
        match invocation.state {
            State::Waiting => self.add(&invocation.function, invocation.due, sequence),
            State::Succeeded => self.plan().succeeded.push_back(sequence),
            State::DeadLettered => {}
        }
    }

    fn oldest_to_forget(&self) -> Option<u64> {
        let mut plan = self.plan();
        if plan.succeeded.len() >= REMEMBERED {
            plan.succeeded.pop_front()
        } else {
            None
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &std::path::Path) -> (Arc<Index>, Arc<Invocations>) {
        let index = Index::open(&folder.join("index.redb")).unwrap();
        let invocations = Invocations::open(Arc::clone(&index), vec![Duration::ZERO]).unwrap();
        (index, invocations)
    }

    fn attempt(error: Option<&str>) -> Attempt {
        Attempt {
            started: Moment::now(),
            ended: Moment::now(),
            error: error.map(str::to_owned),
        }
    }

    async fn accept(index: &Arc<Index>, invocations: &Arc<Invocations>) -> u64 {
        let invocations = Arc::clone(invocations);
        index
            .write(move |writer| invocations.accept(writer, "f", "{}".to_owned(), Duration::ZERO))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_claimed_invocation_comes_again_under_its_id_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (index, invocations) = opened(folder.path());
        accept(&index, &invocations).await;
        let id = invocations.next("f").await.unwrap().1.request_id;
        drop((index, invocations));
        let (_index, invocations) = opened(folder.path());
        assert_eq!(invocations.next("f").await.unwrap().1.request_id, id);
    }

    #[tokio::test]
    async fn a_hastened_invocation_comes_before_its_time_and_behind_what_was_due() {
        let folder = tempfile::tempdir().unwrap();
        let (index, invocations) = opened(folder.path());
        let waits = {
            let invocations = Arc::clone(&invocations);
            let hour = Duration::from_secs(3600);
            index
                .write(move |writer| invocations.accept(writer, "f", "{}".to_owned(), hour))
                .await
                .unwrap()
        };
        let due = accept(&index, &invocations).await;
        invocations.hasten("f", waits);
        assert_eq!(invocations.next("f").await.unwrap().0, due);
        assert_eq!(invocations.next("f").await.unwrap().0, waits);
    }

    #[tokio::test]
    async fn after_its_last_retry_an_invocation_is_a_dead_letter() {
        let folder = tempfile::tempdir().unwrap();
        let (index, invocations) = opened(folder.path());
        accept(&index, &invocations).await;
        for _ in 0..2 {
            let (sequence, _) = invocations.next("f").await.unwrap();
            invocations.finish(sequence, attempt(Some("no"))).await.unwrap();
        }
        let report = invocations.report().unwrap();
        assert_eq!(report["invocations"][0]["state"], "dead-lettered");
        assert_eq!(report["invocations"][0]["attempts"].as_array().unwrap().len(), 2);
    }
}

//! Every call that leaves the use cases, numbered, and the fault that strikes one of them.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_app::AppError;
use tokio::sync::Notify;

/// What a look at the clock is called. It goes before nearly every write to the control database, and so stands for it.
pub(crate) const CLOCK: &str = "clock";

/// An invocation that is not through by then waits for something that does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never gets there.
    NotReached,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// The invocation is killed before it takes effect.
    DiesBefore,
    /// The invocation is killed once it took effect.
    DiesAfter,
}

impl Fault {
    /// The faults that a call can have. The clock cannot fail, only be the last thing an invocation looks at.
    pub(crate) fn of(call: &str) -> &'static [Self] {
        match call {
            CLOCK => &[Self::DiesAfter],
            _ => &[
                Self::NotReached,
                Self::AnswerLost,
                Self::DiesBefore,
                Self::DiesAfter,
            ],
        }
    }

    /// Whether the call did what it was asked all the same.
    pub(crate) fn takes_effect(self) -> bool {
        matches!(self, Self::AnswerLost | Self::DiesAfter)
    }
}

/// Which call is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The one with this number, from 0; once.
    Number(usize),
    /// The next one of this name; once.
    Next(&'static str),
}

impl Aim {
    fn hits(self, number: usize, name: &str) -> bool {
        match self {
            Self::Number(aimed) => aimed == number,
            Self::Next(aimed) => aimed == name,
        }
    }
}

/// How a try of an invocation ended.
#[derive(Debug)]
pub(crate) enum Tried<T> {
    Done(T),
    Failed(AppError),
    Died,
}

impl<T> Tried<T> {
    /// What a try gave that must not fail.
    pub(crate) fn done(self) -> T {
        match self {
            Self::Done(value) => value,
            Self::Failed(error) => panic!("the invocation failed: {}", longshore_app::with_causes(&error)),
            Self::Died => panic!("the invocation died"),
        }
    }

    /// Why a try failed that must fail.
    pub(crate) fn failed(self) -> AppError {
        match self {
            Self::Failed(error) => error,
            Self::Done(_) => panic!("the invocation did not fail"),
            Self::Died => panic!("the invocation died"),
        }
    }
}

/// The calls of one world, in order.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    made: Vec<&'static str>,
    strikes: Vec<(Aim, Fault)>,
    death: Arc<Notify>,
}

impl Calls {
    /// The names of the calls made so far.
    pub(crate) fn made(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().made.clone()
    }

    /// Lets a call go wrong.
    pub(crate) fn strike(&self, aim: Aim, fault: Fault) {
        self.state.lock().unwrap().strikes.push((aim, fault));
    }

    /// Whether every fault has struck.
    pub(crate) fn are_struck(&self) -> bool {
        self.state.lock().unwrap().strikes.is_empty()
    }

    /// Makes a call, unless a fault strikes it. `unreachable` is the error that the caller sees then.
    pub(crate) async fn through<T, E>(
        &self,
        name: &'static str,
        effect: impl FnOnce() -> Result<T, E> + Send,
        unreachable: impl FnOnce() -> E + Send,
    ) -> Result<T, E> {
        let Some(fault) = self.count(name) else {
            return effect();
        };
        if fault.takes_effect() {
            drop(effect());
        }
        match fault {
            Fault::NotReached | Fault::AnswerLost => Err(unreachable()),
            Fault::DiesBefore | Fault::DiesAfter => {
                self.die();
                pending().await
            }
        }
    }

    /// A look at the clock. Whoever dies at it comes as far as its next wait, usually for the control database.
    pub(crate) fn look_at_clock(&self) {
        if self.count(CLOCK).is_some() {
            self.die();
        }
    }

    /// Lets one try of an invocation live until it ends or is killed.
    pub(crate) async fn live<T>(&self, work: impl Future<Output = Result<T, AppError>>) -> Tried<T> {
        // On the heap: an unoptimised use case does not fit on a test's stack beside the test.
        let work = Box::pin(work);
        let death = Arc::new(Notify::new());
        self.state.lock().unwrap().death = death.clone();
        tokio::select! {
            biased;
            () = tokio::time::sleep(PATIENCE) => panic!("an invocation hangs"),
            () = death.notified() => Tried::Died,
            result = work => match result {
                Ok(value) => Tried::Done(value),
                Err(error) => Tried::Failed(error),
            },
        }
    }

    fn count(&self, name: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let number = state.made.len();
        state.made.push(name);
        let hit = state.strikes.iter().position(|(aim, _)| aim.hits(number, name))?;
        Some(state.strikes.remove(hit).1)
    }

    fn die(&self) {
        self.state.lock().unwrap().death.notify_one();
    }
}

//! Many files at once, each announced twice and in any order, and the events of their statements too: every file is loaded once.
//!
//! `make test` runs a hundred; `make bench ONLY=burst` runs 20,000, and prints what one burst of them takes and twenty of a
//! twentieth each. S3 and the Data API are models in memory, PostgreSQL is real.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_domain::disposition::Disposition;
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::calls::Tried;
use crate::support::rules::Rule;
use crate::support::warehouse::{Handed, SUBMIT};
use crate::support::world::World;

const RULE: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL");
const PRICE: &str = r#""s"."price""#;
/// Functions at work at the same time.
const WORKERS: usize = 8;
/// Into how many bursts the files are divided for comparison.
const BURSTS: usize = 20;
const SEED: u64 = 8;

#[expect(clippy::disallowed_methods, reason = "a bench is told its size by its caller")]
fn files_wanted() -> usize {
    let wanted = std::env::var("LONGSHORE_BENCH_FILES").ok();
    wanted.and_then(|files| files.parse().ok()).unwrap_or(100)
}

/// What is delivered, twice each and in any order. A delivery that must come again goes to the end, as a queue has it.
struct Deliveries<T>(Mutex<VecDeque<(usize, T)>>);

impl<T: Clone> Deliveries<T> {
    fn twice(things: &[T], chance: &mut fastrand::Rng) -> Self {
        let mut deliveries: Vec<_> = things.iter().chain(things).cloned().enumerate().collect();
        chance.shuffle(&mut deliveries);
        Self(Mutex::new(deliveries.into()))
    }

    fn next(&self) -> Option<(usize, T)> {
        self.0.lock().unwrap().pop_front()
    }

    fn again(&self, number: usize, thing: T) {
        self.0.lock().unwrap().push_back((number, thing));
    }
}

/// Whether a try is over; one that met another worker at its load is not.
fn is_over<T>(tried: Tried<T>) -> bool {
    match tried {
        Tried::Done(_) => true,
        Tried::Failed(error) if error.disposition() == Disposition::Retry => false,
        Tried::Failed(error) => panic!("{}", longshore_app::with_causes(&error)),
        Tried::Died => panic!("the invocation died"),
    }
}

async fn announce(world: &World, announcements: &Deliveries<Object>) {
    while let Some((number, object)) = announcements.next() {
        if !is_over(world.announce(&object, &format!("announcement {number}")).await) {
            announcements.again(number, object);
        }
    }
}

async fn finish(world: &World, events: &Deliveries<Handed>) {
    while let Some((number, statement)) = events.next() {
        if !is_over(
            world
                .deliver(&statement, &format!("event {number} of {}", statement.name))
                .await,
        ) {
            events.again(number, statement);
        }
    }
}

/// One burst: all its files are announced, then all their statements end.
async fn burst(world: &World, objects: &[Object], chance: &mut fastrand::Rng) {
    let announcements = Deliveries::twice(objects, chance);
    let earlier = world.warehouse.handed().len();
    join_all((0..WORKERS).map(|_| announce(world, &announcements))).await;
    let events = Deliveries::twice(&world.warehouse.handed()[earlier..], chance);
    join_all((0..WORKERS).map(|_| finish(world, &events))).await;
}

/// Loads so many files in so many bursts, each file once, and gives the time that it took.
async fn load(files: usize, bursts: usize) -> Duration {
    let bench = Bench::with(&[RULE]).await;
    let world = bench.world().with_room_for_all();
    let mut chance = fastrand::Rng::with_seed(SEED);
    let objects: Vec<Object> = (0..files)
        .map(|number| world.land(&format!("in/f{number}_701.txt"), &format!("plum|{number}\n")))
        .collect();
    let began = Instant::now();
    for part in objects.chunks(files.div_ceil(bursts)) {
        burst(&world, part, &mut chance).await;
    }
    let took = began.elapsed();
    let submissions = world.calls.made().iter().filter(|call| **call == SUBMIT).count();
    assert_eq!(submissions, files, "a file is submitted once");
    let mut rows = world.warehouse.rows(PRICE);
    let mut expected: Vec<_> = (0..files).map(|number| format!("plum|{number}")).collect();
    rows.sort();
    expected.sort();
    assert!(rows == expected, "{} rows of {files} files", rows.len());
    let complete = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE state = 'complete'";
    let complete: i64 = bench.client.query_one(complete, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(complete).unwrap(), files);
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_come_at_once_and_twice_in_any_order_are_loaded_once_each() {
    let files = files_wanted();
    let divided = load(files, BURSTS).await.as_secs_f64();
    let at_once = load(files, 1).await.as_secs_f64();
    println!("burst: {files} files, {divided:.2} s in {BURSTS} bursts, {at_once:.2} s in one");
}

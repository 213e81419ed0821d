//! How fast small files go from their announcement to the warehouse, by themselves and in batches, side by side in one run.
//!
//! `make test` runs a few files, to see that it works; `make bench-batch` runs 10,000 and prints the figures. S3 and the Data API
//! are models in memory, PostgreSQL is real: what is measured is this program and its control database.
#![expect(clippy::print_stdout, reason = "figures are for people")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::rules::Rule;
use crate::support::warehouse::SUBMIT;
use crate::support::world::World;

const ALONE: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL");
const BATCHED: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL, batch_files = 100");
/// Functions at work at the same time.
const WORKERS: usize = 2;

/// What a way of loading took.
struct Figures {
    files: usize,
    took: Duration,
    calls: BTreeMap<&'static str, usize>,
}

impl Figures {
    fn per_second(&self) -> f64 {
        self.files as f64 / self.took.as_secs_f64()
    }

    fn print(&self, way: &str) {
        let per_file = |calls: usize| calls as f64 / self.files as f64;
        let calls: Vec<_> = self
            .calls
            .iter()
            .filter(|(name, _)| **name != "clock")
            .map(|(name, calls)| format!("{name} {:.3}", per_file(*calls)))
            .collect();
        println!(
            "{way:<8} {:>6} files {:>8.2} s {:>8.0} files/s {:>7.2} ms/file; calls per file: {}",
            self.files,
            self.took.as_secs_f64(),
            self.per_second(),
            self.took.as_secs_f64() * 1_000.0 * WORKERS as f64 / self.files as f64,
            calls.join(", ")
        );
    }
}

fn files_wanted() -> usize {
    let wanted = option_env_files();
    wanted.and_then(|files| files.parse().ok()).unwrap_or(200)
}

#[expect(clippy::disallowed_methods, reason = "a bench is told its size by its caller")]
fn option_env_files() -> Option<String> {
    std::env::var("LONGSHORE_BENCH_FILES").ok()
}

/// Two workers announce the files in turn; gives what that took.
async fn announce_all(world: &World, files: usize) -> Figures {
    let objects: Vec<Object> = (0..files)
        .map(|number| world.land(&format!("in/f{number}_701.txt"), "plum|1\nfig|2\n"))
        .collect();
    let began = Instant::now();
    let worker = |worker: usize| {
        let objects = &objects;
        async move {
            for object in objects.iter().skip(worker).step_by(WORKERS) {
                world.announce(object, object.key.as_str()).await.done();
            }
        }
    };
    join_all((0..WORKERS).map(worker)).await;
    let took = began.elapsed();
    let mut calls = BTreeMap::new();
    for call in world.calls.made() {
        *calls.entry(call).or_default() += 1;
    }
    Figures { files, took, calls }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_reach_the_warehouse_with_a_hundredth_of_the_statements() {
    let files = files_wanted();
    let bench = Bench::with(&[ALONE]).await;
    let alone = announce_all(&bench.world().with_room_for_all(), files).await;
    let bench = Bench::with(&[BATCHED]).await;
    let world = bench.world();
    let batched = announce_all(&world, files).await;
    alone.print("alone");
    batched.print("batched");
    println!(
        "batched : alone = {:.2} in files per second, {} : {} in transactions",
        batched.per_second() / alone.per_second(),
        batched.calls[SUBMIT],
        alone.calls[SUBMIT]
    );
    assert_eq!(alone.calls[SUBMIT], files);
    assert_eq!(batched.calls[SUBMIT], files / 100);
    let waiting = "SELECT coalesce(sum(files), 0) FROM rdscnfg.ext_load_buffer";
    let waiting: i64 = bench.client.query_one(waiting, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(waiting).unwrap(), files % 100);
}

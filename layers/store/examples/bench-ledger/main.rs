//! What the hot statements cost on a small ledger and on a large one, side by side.
//!
//! Usage: `bench-ledger [LOADS [RULES]]` (10,000,000 and 100,000). Each ledger is filled into a throw-away PostgreSQL, or the one
//! that `TEST_DATABASE_URL` names, and analysed; each statement runs five times, and the median counts. Exit code 1 when one
//! reads a growing table from end to end, or when finding a rule takes longer than two milliseconds.
#![expect(clippy::print_stdout, reason = "what a benchmark finds is printed")]

mod explain;
mod fill;
mod hot;

use std::process::ExitCode;
use std::time::Instant;

use explain::{Execution, execute};
use hot::Ledger;
use longshore_store::{ConnectOptions, Password, Store, Tls};
use longshore_testkit::TestDatabase;
use tokio_postgres::Client;

type Failure = Box<dyn std::error::Error>;

const SMALL: i64 = 100_000;
const ROUNDS: usize = 5;
/// What finding the rules of a key may take, in milliseconds.
const MATCHING_BAR: f64 = 2.0;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let mut arguments = std::env::args().skip(1);
    let loads: i64 = arguments.next().map_or(Ok(10_000_000), |text| text.parse())?;
    let rules: i64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let database = TestDatabase::create().await?;
    store(&database)?.migrate().await?;
    let client = database.client().await?;
    fill::rules(&client, rules).await?;
    let small = measure(
        &client,
        &Ledger {
            loads: SMALL.min(loads),
            rules,
        },
    )
    .await?;
    let large = measure(&client, &Ledger { loads, rules }).await?;
    Ok(report(&Ledger { loads, rules }, &small, &large))
}

fn store(database: &TestDatabase) -> Result<Store, Failure> {
    let server = database.server();
    Ok(Store::connect(ConnectOptions {
        host: server.host(),
        port: server.port(),
        user: server.user().to_owned(),
        password: Password::new(server.password().unwrap_or_default()),
        database: database.name().to_owned(),
        tls: Tls::Off,
        schema: "rdscnfg".to_owned(),
        max_connections: 1,
        application_name: "bench-ledger".to_owned(),
    })?)
}

/// Fills a ledger and asks it everything.
async fn measure(client: &Client, ledger: &Ledger) -> Result<Vec<Execution>, Failure> {
    let began = Instant::now();
    fill::ledger(client, ledger.loads, ledger.rules).await?;
    println!(
        "filled a ledger of {} loads in {} s",
        ledger.loads,
        began.elapsed().as_secs()
    );
    let mut medians = Vec::new();
    for hot in ledger.questions() {
        let mut executions = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            executions.push(execute(client, &hot).await?);
        }
        executions.sort_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds));
        medians.push(executions.swap_remove(ROUNDS / 2));
    }
    Ok(medians)
}

fn report(ledger: &Ledger, small: &[Execution], large: &[Execution]) -> ExitCode {
    println!(
        "\n{:<50}{:>9}{:>9}{:>7}{:>8}{:>8}  how, at {} loads and {} rules",
        "", "ms", "ms", "ratio", "blocks", "rows", ledger.loads, ledger.rules
    );
    let mut falls_short = false;
    for (hot, (before, after)) in ledger.questions().iter().zip(small.iter().zip(large)) {
        let ratio = after.milliseconds / before.milliseconds;
        println!(
            "{:<50}{:>9.2}{:>9.2}{ratio:>7.1}{:>8}{:>8}  {}",
            hot.what,
            before.milliseconds,
            after.milliseconds,
            after.blocks,
            after.rows,
            after.reads.join(", ")
        );
        let is_slow = hot.what.starts_with("rules ") && after.milliseconds > MATCHING_BAR;
        if is_slow || after.whole_tables().next().is_some() {
            println!("    FALLS SHORT");
            falls_short = true;
        }
    }
    ExitCode::from(u8::from(falls_short))
}

//! COPY of the warehouse beside `psql \copy`, of the same rows into the same kind of table, in one run.
//!
//! Usage: `bench-warehouse [MEGABYTES [ROUNDS]]` (200 and 3; the bars are meant for 500). Contestants take turns within each round, so that what else the machine does meets
//! them all; the medians are compared. Exit code 1 when a bar is missed.
#![expect(clippy::print_stdout, reason = "what a benchmark finds is printed")]

mod contest;
mod rows;
mod usage;

use std::path::Path;

use contest::{Contest, Outcome};

/// A promise about two medians.
struct Bar {
    promise: &'static str,
    ratio: f64,
    least: f64,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<std::process::ExitCode, Failure> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let folder = folder()?;
    println!("writing {megabytes} MB of rows");
    let rows = rows::write(folder.path(), megabytes)?;
    println!("{rows} rows; {rounds} rounds");
    usage::forget_peak();
    let contest = Contest::start(folder.path()).await?;
    let mut outcomes: [Vec<Outcome>; 5] = Default::default();
    for _ in 0..rounds {
        outcomes[0].push(contest.psql().await?);
        outcomes[1].push(contest.copy("one.txt", "", rows).await?);
        outcomes[2].push(contest.copy("part", "", rows).await?);
        outcomes[3].push(contest.copy("gz", "gzip", rows).await?);
        outcomes[4].push(contest.copy("rows.parquet", "format as parquet", rows).await?);
    }
    let medians: Vec<Outcome> = outcomes.iter().map(|outcomes| median(outcomes)).collect();
    Ok(report(&medians, megabytes))
}

/// PostgreSQL's server runs as another user, and psql reads the file as us.
fn folder() -> Result<tempfile::TempDir, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let readable = std::fs::Permissions::from_mode(0o755);
    Ok(tempfile::Builder::new()
        .prefix("longshore-bench-")
        .permissions(readable)
        .tempdir_in(Path::new("/tmp"))?)
}

fn median(outcomes: &[Outcome]) -> Outcome {
    let pick = |value: fn(&Outcome) -> f64| {
        let mut values: Vec<f64> = outcomes.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Outcome {
        wall_seconds: pick(|outcome| outcome.wall_seconds),
        cpu_seconds: pick(|outcome| outcome.cpu_seconds),
        server_seconds: pick(|outcome| outcome.server_seconds),
    }
}

fn report(medians: &[Outcome], megabytes: usize) -> std::process::ExitCode {
    let psql = medians[0];
    let names = [
        "psql \\copy",
        "COPY delimited, one file",
        "COPY delimited, four files",
        "COPY gzip, four files",
        "COPY parquet",
    ];
    println!(
        "\n{:<28}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "", "seconds", "MB/s", "of psql", "CPU", "server"
    );
    for (name, outcome) in names.iter().zip(medians) {
        #[expect(clippy::cast_precision_loss, reason = "a size in megabytes is small")]
        let speed = megabytes as f64 / outcome.wall_seconds;
        let ratio = psql.wall_seconds / outcome.wall_seconds;
        println!(
            "{name:<28}{:>9.2}{speed:>9.1}{ratio:>9.2}{:>9.2}{:>9.2}",
            outcome.wall_seconds, outcome.cpu_seconds, outcome.server_seconds
        );
    }
    println!(
        "CPU is the loader's or psql's own, server that of PostgreSQL's backends, in seconds. Peak memory of the loader: {} MiB",
        usage::peak_mebibytes()
    );
    let bars = bars(medians);
    for bar in &bars {
        let verdict = if bar.is_reached() {
            "reached"
        } else {
            "FALLS SHORT"
        };
        println!(
            "{:<62}{:>6.2}, at least {:.2}: {verdict}",
            bar.promise, bar.ratio, bar.least
        );
    }
    std::process::ExitCode::from(u8::from(!bars.iter().all(Bar::is_reached)))
}

/// The loader reads what psql hands on unread, and spares the server that work, so their sums compare too. Several files go through PostgreSQL's one
/// backend of a transaction, so they have no bar of their own: the table shows them.
fn bars(medians: &[Outcome]) -> [Bar; 4] {
    let (psql, delimited, parquet) = (medians[0], medians[1], medians[4]);
    [
        Bar {
            promise: "speed of COPY delimited beside psql",
            ratio: psql.wall_seconds / delimited.wall_seconds,
            least: 0.95,
        },
        Bar {
            promise: "CPU of psql beside the loader's own, delimited",
            ratio: psql.cpu_seconds / delimited.cpu_seconds,
            least: 1.0,
        },
        Bar {
            promise: "CPU of psql and its server beside ours, delimited",
            ratio: psql.machine_seconds() / delimited.machine_seconds(),
            least: 1.0,
        },
        Bar {
            promise: "speed of COPY parquet beside psql",
            ratio: psql.wall_seconds / parquet.wall_seconds,
            least: 0.8,
        },
    ]
}

impl Bar {
    fn is_reached(&self) -> bool {
        self.ratio >= self.least
    }
}

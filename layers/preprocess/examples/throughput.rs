//! Prints how fast the engine counts, beside what memchr alone reaches on the same bytes.
//!
//! `cargo run --release -p longshore-preprocess --example throughput [MiB]`

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use longshore_preprocess::{
    Discard, Framing, OutputFormat, Pipeline, PipelineSpec, Split, Trailer, UnlistedRecords,
};

const PUSH_BYTES: usize = 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let mebibytes = std::env::args()
        .nth(1)
        .map_or(Ok(1024), |argument| argument.parse())?;
    let sample = sample();
    let pushes = mebibytes * PUSH_BYTES / sample.len();
    let mut printed = std::io::stdout().lock();

    let start = Instant::now();
    let lines: usize = (0..pushes)
        .map(|_| memchr::memchr_iter(b'\n', std::hint::black_box(&sample)).count())
        .sum();
    print(
        &mut printed,
        "memchr count",
        lines as u64,
        sample.len() * pushes,
        start,
    )?;
    for (name, spec) in specs() {
        let start = Instant::now();
        let mut pipeline = Pipeline::new(spec)?;
        for _ in 0..pushes {
            pipeline.push_all(&sample, &mut Discard)?;
        }
        let report = pipeline.finish(&mut Discard)?;
        print(&mut printed, name, report.records, sample.len() * pushes, start)?;
    }
    Ok(())
}

fn print(
    to: &mut impl Write,
    name: &str,
    records: u64,
    bytes: usize,
    start: Instant,
) -> Result<(), Box<dyn Error>> {
    let seconds = start.elapsed().as_secs_f64();
    let megabytes = bytes as f64 / 1e6;
    writeln!(
        to,
        "{name:<28} {records:>10} records {seconds:>7.3} s {:>8.0} MB/s",
        megabytes / seconds
    )?;
    Ok(())
}

/// About 1 MiB of pipe-delimited lines of some 100 bytes.
fn sample() -> Vec<u8> {
    let mut text = Vec::with_capacity(PUSH_BYTES + 128);
    let mut number = 1u64;
    while text.len() < PUSH_BYTES {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let line = format!(
            "{:02}|{number:020}|plum and pear|2026-11-21|{:>w$}|end\n",
            number % 4,
            "x",
            w = 20 + (number % 60) as usize
        );
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn specs() -> Vec<(&'static str, PipelineSpec)> {
    let lines = PipelineSpec {
        delimiter: Some(b'|'),
        ..PipelineSpec::default()
    };
    let writing = PipelineSpec {
        output: Some(OutputFormat::default()),
        ..lines.clone()
    };
    let prefixes = (0..3).map(|number| format!("{number:02}")).collect();
    let split = Some(Split {
        prefixes,
        unlisted: UnlistedRecords::Write,
    });
    let quoted = Framing::Quoted {
        quote: b'"',
        escape: None,
    };
    vec![
        ("count lines", lines.clone()),
        (
            "count lines before a trailer",
            PipelineSpec {
                trailer: Some(Trailer::default()),
                ..lines.clone()
            },
        ),
        (
            "count quoted records",
            PipelineSpec {
                framing: quoted,
                ..lines.clone()
            },
        ),
        (
            "count escaped records",
            PipelineSpec {
                framing: Framing::Escaped { escape: b'\\' },
                ..lines
            },
        ),
        (
            "strip a trailer",
            PipelineSpec {
                trailer: Some(Trailer::default()),
                ..writing.clone()
            },
        ),
        ("split by record type", PipelineSpec { split, ..writing }),
    ]
}

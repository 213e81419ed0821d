//! Gives the files that are named, or what comes in, to the entry for fuzzers, and aborts where a promise is broken.
//!
//! `afl-fuzz -i seeds -o found -- target/debug/examples/fuzz @@`

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let mut inputs = Vec::new();
    for path in std::env::args_os().skip(1) {
        inputs.push(std::fs::read(Path::new(&path))?);
    }
    if inputs.is_empty() {
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input)?;
        inputs.push(input);
    }
    for input in &inputs {
        if longshore_local_warehouse::fuzz::check(input).is_err() {
            // Fuzzers look for a signal.
            std::process::abort();
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! What cannot be seen from outside: how much is under way, and what becomes of a thread that fails.

use std::io::Write;

use super::*;

const THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

fn compress(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("memory takes it")
}

#[test]
fn no_more_is_under_way_than_the_threads_need() {
    // Each stream is one block of five megabytes.
    let bomb = compress(&vec![b'x'; 5_000_000]).repeat(12);
    let mut blocks = Bzip2Blocks::start(THREADS).expect("there are threads");
    let (mut rest, mut decoded) = (&bomb[..], 0);
    loop {
        let step = blocks
            .step(&rest[..rest.len().min(16)])
            .expect("the file is right");
        decoded += step.decoded.len();
        rest = &rest[step.consumed..];
        let is_over = rest.is_empty() && !step.pending && blocks.input == Input::Drained;
        assert!(blocks.lookahead.in_flight() <= 4, "two for each thread");
        assert!(
            blocks.lookahead.window().len() < 1_000,
            "the rest waits with the caller"
        );
        if is_over {
            break;
        }
        if rest.is_empty() {
            blocks.end_input();
        }
    }
    assert!(blocks.is_complete());
    assert_eq!(decoded, 60_000_000);
}

#[test]
fn a_thread_that_panics_is_an_error() {
    let mut blocks =
        Bzip2Blocks::start_with(THREADS, |_| panic!("as if the decoder did")).expect("there are threads");
    let bytes = compress(b"1|plum\n").repeat(9);
    let mut rest = &bytes[..];
    let error = loop {
        match blocks.step(rest) {
            Ok(step) => rest = &rest[step.consumed..],
            Err(error) => break error,
        }
        if rest.is_empty() {
            blocks.end_input();
        }
    };
    assert!(
        matches!(error, PrepareError::CompressedInputCorrupt { offset: 4, .. }),
        "{error}"
    );
}

#[test]
fn behind_an_error_nothing_more_comes() {
    let mut blocks = Bzip2Blocks::start(THREADS).expect("there are threads");
    assert!(blocks.step(b"1|plum\n").is_err());
    let step = blocks.step(b"2|fig\n").expect("it has been said");
    assert!(step.decoded.is_empty());
    assert!(!blocks.is_complete());
}

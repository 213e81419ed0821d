//! Compressed input: whole, in several streams, cut short, damaged.

use std::io::Write;
use std::num::NonZeroUsize;

use longshore_preprocess::{Compression, Decoder, Framing, Pipeline, PipelineSpec, PrepareError, Progress};
use proptest::prelude::*;

use crate::drive::{Watched, assert_same, copying, run, run_pieces};

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Bzip2, Compression::Zstd];

pub(crate) fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder
                .write_all(bytes)
                .and_then(|()| encoder.finish())
                .expect("memory takes it")
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder
                .write_all(bytes)
                .and_then(|()| encoder.finish())
                .expect("memory takes it")
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("the level exists");
            encoder.include_checksum(true).expect("checksums exist");
            encoder
                .write_all(bytes)
                .and_then(|()| encoder.finish())
                .expect("memory takes it")
        }
    }
}

fn reading(compression: Compression) -> PipelineSpec {
    PipelineSpec {
        compression,
        ..copying()
    }
}

#[test]
fn several_streams_in_a_row_are_one_file() {
    for compression in ALL {
        let streams = [&b"1|plum\n2|f"[..], b"", b"ig\n3|pear\n"].map(|part| compress(compression, part));
        let run = run(&reading(compression), &streams.concat()).expect("the streams are complete");
        assert_eq!(
            (run.report.records, run.text().as_str()),
            (3, "1|plum\n2|fig\n3|pear\n")
        );
        assert_eq!(run.report.bytes_read, streams.concat().len() as u64);
    }
}

#[test]
fn as_much_as_is_allowed_comes_of_a_file_and_not_one_byte_more() {
    let text = b"1|plum\n2|fig\n".repeat(40_000);
    let length = text.len() as u64;
    for compression in ALL {
        let bytes = compress(compression, &text);
        let limited = |limit| PipelineSpec {
            decompressed_limit_bytes: Some(limit),
            ..reading(compression)
        };
        let whole = run(&limited(length), &bytes).expect("it is as long as it may be");
        assert_eq!(whole.report.bytes_decoded, length);
        let error = run_pieces(&limited(length - 1), &bytes, &[7]).expect_err("it is longer");
        let PrepareError::DecompressedTooLarge { limit, offset, .. } = error else {
            panic!("{compression}: {error}");
        };
        assert_eq!(limit, length - 1);
        assert!(offset <= bytes.len() as u64);
    }
    let spec = PipelineSpec {
        decompressed_limit_bytes: Some(1),
        ..copying()
    };
    run(&spec, &text).expect("what is not compressed is as long as it is");
}

#[test]
fn a_decoder_by_itself_keeps_to_the_limit_with_one_thread_and_with_several() {
    let text = b"1|plum\n2|fig\n".repeat(400_000);
    let bytes = compress(Compression::Bzip2, &text);
    for threads in [1, 3].map(|threads| NonZeroUsize::new(threads).expect("it is none of 0")) {
        let mut given = 0;
        let length = text.len() as u64;
        let decoder = |limit| Decoder::new(Compression::Bzip2, threads).limited_to(Some(limit));
        let mut whole = decoder(length);
        let mut count = |piece: Vec<u8>| given += piece.len() as u64;
        whole
            .decode(&bytes, &mut count)
            .and_then(|()| whole.finish(&mut count))
            .expect("it is as long as it may be");
        assert_eq!(given, length);
        let mut cut = decoder(length - 1);
        let error = cut
            .decode(&bytes, drop)
            .and_then(|()| cut.finish(drop))
            .expect_err("it is longer");
        assert!(
            matches!(error, PrepareError::DecompressedTooLarge { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_skippable_frame_holds_no_text() {
    let skippable = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let frame = compress(Compression::Zstd, b"1|plum\n");
    for bytes in [
        [&skippable[..], &frame].concat(),
        [&frame[..], &skippable].concat(),
    ] {
        assert_eq!(
            run(&reading(Compression::Zstd), &bytes)
                .expect("the frames are complete")
                .text(),
            "1|plum\n"
        );
    }
}

#[test]
fn a_stream_cut_anywhere_is_an_error_and_never_a_shorter_file() {
    for compression in ALL {
        let first = compress(compression, b"1|plum\n");
        let both = [first.clone(), compress(compression, b"2|fig\n")].concat();
        for end in (0..both.len()).filter(|&end| end != first.len()) {
            let error = run(&reading(compression), &both[..end]).expect_err("the stream is cut");
            let PrepareError::CompressedInputTruncated { offset, .. } = error else {
                panic!("{compression} cut at {end}: {error}");
            };
            assert_eq!(offset, end as u64);
        }
    }
}

#[test]
fn a_flipped_bit_is_never_silent() {
    for compression in ALL {
        let text = b"1|plum\n2|fig\n".repeat(20);
        let bytes = compress(compression, &text);
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            match run_pieces(&reading(compression), &damaged, &[bytes.len()]) {
                Err(_) => {}
                Ok(run) => assert!(
                    run.text().as_bytes() == text,
                    "{compression} flipped at {position}"
                ),
            }
        }
    }
}

#[test]
fn what_is_not_compressed_at_all_is_an_error_that_says_so() {
    for compression in ALL {
        let error = run_pieces(&reading(compression), b"1|plum\n2|fig\n", &[1]).expect_err("it is text");
        assert!(
            matches!(error, PrepareError::CompressedInputCorrupt { .. }),
            "{compression}: {error}"
        );
        assert!(
            error
                .to_string()
                .contains(&format!("check that the file is {compression}")),
            "{error}"
        );
    }
}

#[test]
fn an_empty_file_is_no_compressed_file() {
    for compression in ALL {
        let error = run(&reading(compression), b"").expect_err("there is no stream");
        assert!(
            matches!(error, PrepareError::CompressedInputTruncated { offset: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn rubbish_after_the_last_stream_is_placed() {
    for compression in ALL {
        let whole = compress(compression, b"1|plum\n");
        for rubbish in ["rubbish", "x"] {
            let bytes = [&whole, rubbish.as_bytes()].concat();
            for size in [1, bytes.len()] {
                let outcome = run_pieces(&reading(compression), &bytes, &[size]);
                match outcome.expect_err("rubbish is no stream") {
                    PrepareError::TrailingBytes { offset, .. } => assert_eq!(offset, whole.len() as u64),
                    PrepareError::CompressedInputTruncated { .. } if rubbish == "x" => {}
                    error => panic!("{compression}: {error}"),
                }
            }
        }
    }
}

#[test]
fn a_damaged_later_stream_is_damaged_and_no_rubbish() {
    let text = b"1|plum\n2|fig\n".repeat(200);
    for compression in ALL {
        let stream = compress(compression, &text);
        // Behind what a stream begins with: without that it is none.
        for position in 4..stream.len() {
            let mut damaged = stream.clone();
            damaged[position] ^= 0x10;
            let bytes = [&stream[..], &damaged].concat();
            for size in [1, 7, bytes.len()] {
                match run_pieces(&reading(compression), &bytes, &[size]) {
                    Err(PrepareError::TrailingBytes { offset, .. }) => {
                        panic!(
                            "{compression} flipped at {position}: its records are called rubbish at {offset}"
                        )
                    }
                    Err(_) => {}
                    Ok(run) => assert!(run.text().as_bytes() == [&text[..], &text].concat()),
                }
            }
        }
    }
}

#[test]
fn zeros_may_pad_a_gzip_file_and_nothing_may_follow_them() {
    let whole = compress(Compression::Gzip, b"1|plum\n");
    let padded = [&whole[..], &[0; 700]].concat();
    assert_eq!(
        run(&reading(Compression::Gzip), &padded)
            .expect("zeros are padding")
            .report
            .records,
        1
    );
    let followed = [&padded[..], &whole].concat();
    let error = run(&reading(Compression::Gzip), &followed).expect_err("padding is at the end");
    assert!(
        matches!(error, PrepareError::TrailingBytes { offset, .. } if offset == padded.len() as u64),
        "{error}"
    );
}

#[test]
fn a_bomb_is_handed_out_a_little_at_a_time() {
    let text = vec![b'\n'; 2 * 1024 * 1024];
    let line = [&vec![b'x'; 1023][..], b"\n"].concat().repeat(2 * 1024);
    for compression in ALL {
        for (text, records) in [(&text, 0), (&line, 2_048)] {
            // The watched outputs fail a push that gives more than it promises.
            let run = run_pieces(&reading(compression), &compress(compression, text), &[64 * 1024])
                .expect("the text is right");
            assert_eq!(
                (run.report.records, run.report.bytes_decoded),
                (records, text.len() as u64)
            );
        }
    }
}

#[test]
fn what_a_decoder_holds_is_pending_until_it_is_drained() {
    // bzip2 takes a whole block in before it gives the first byte of it; the last ten bytes are the stream's end.
    let bytes = compress(Compression::Bzip2, &vec![b'x'; 3_000_000]);
    let spec = PipelineSpec {
        framing: Framing::Opaque,
        delimiter: None,
        ..reading(Compression::Bzip2)
    };
    let mut pipeline = Pipeline::new(spec).expect("the specification makes sense");
    let mut outputs = Watched::default();
    let body = &bytes[..bytes.len() - 10];
    let progress = pipeline.push(body, &mut outputs).expect("the stream is right");
    assert_eq!(
        progress,
        Progress {
            consumed: body.len(),
            pending: true
        }
    );
    pipeline.push_all(&[], &mut outputs).expect("the stream is right");
    assert!(
        outputs.produced > 2_900_000,
        "{} bytes were drained",
        outputs.produced
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn compression_changes_nothing_but_the_size(
        lines in proptest::collection::vec("[a-z|]{0,40}\n", 0..200),
        cut in 0usize..100,
        sizes in proptest::collection::vec(1usize..50, 1..20),
    ) {
        let text = lines.concat();
        let plain = run_pieces(&copying(), text.as_bytes(), &[text.len()]).expect("the text is right");
        let cut = cut.min(text.len());
        for compression in ALL {
            let parts = [&text.as_bytes()[..cut], &text.as_bytes()[cut..]].map(|part| compress(compression, part));
            let bytes = parts.concat();
            let run = run_pieces(&reading(compression), &bytes, &sizes);
            assert_same(&run, &run_pieces(&reading(compression), &bytes, &[bytes.len()]));
            let run = run.expect("the streams are complete");
            prop_assert!(run.outputs == plain.outputs);
            prop_assert_eq!(run.report.bytes_decoded, text.len() as u64);
        }
    }
}

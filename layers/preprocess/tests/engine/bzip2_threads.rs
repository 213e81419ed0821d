//! bzip2 by several threads, held against one.

use std::mem::discriminant;
use std::num::NonZeroUsize;

use longshore_preprocess::{
    BLOCK_BYTES, Compression, Decoder, Framing, OutputFormat, PipelineSpec, PrepareError,
};
use proptest::prelude::*;

use crate::bzip2_bits::{BLOCK, Block, Coding, END, digits, stream};
use crate::drive::{Run, assert_same, run_decoded, run_pieces};

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

const SHORT: Coding = Coding {
    idle_selectors: 0,
    long_bits: 6,
};

fn reading() -> PipelineSpec {
    PipelineSpec {
        compression: Compression::Bzip2,
        framing: Framing::Opaque,
        output: Some(OutputFormat::default()),
        ..PipelineSpec::default()
    }
}

fn run_by(threads: usize, bytes: &[u8], sizes: &[usize]) -> Result<Run, PrepareError> {
    run_decoded(&reading(), threads, bytes, sizes)
}

fn compress(level: u32, text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(level));
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("memory takes it")
}

fn block(text: &str) -> Block {
    Block::of_stream(&compress(9, text.as_bytes()))
}

/// Two streams and an empty one, of four blocks at different bits.
fn small() -> (Vec<u8>, &'static str) {
    let first = stream(b'9', &["1|plum\n", "2|fig\n3|fig\n", "4|pear\n"].map(block));
    let bytes = [&first[..], &compress(5, b""), &compress(1, b"5|lime\n")].concat();
    (bytes, "1|plum\n2|fig\n3|fig\n4|pear\n5|lime\n")
}

/// Whole and in single bytes, by two threads and by three, as by one.
fn assert_as_one(bytes: &[u8]) -> Result<Run, PrepareError> {
    let expected = run_pieces(&reading(), bytes, &[bytes.len()]);
    for (threads, size) in [(2, bytes.len()), (2, 1), (3, 7)] {
        match (&expected, &run_by(threads, bytes, &[size])) {
            // One thread tells where the push began in which it shows, several where the block did.
            (
                Err(PrepareError::CompressedInputCorrupt { .. }),
                Err(PrepareError::CompressedInputCorrupt { .. }),
            ) => {}
            (expected, outcome) => assert_same(expected, outcome),
        }
    }
    expected
}

#[test]
fn blocks_at_any_bit_come_out_in_order() {
    let (bytes, text) = small();
    assert_eq!(assert_as_one(&bytes).expect("the file is whole").text(), text);
}

#[test]
fn a_file_without_a_stream_is_no_compressed_file() {
    for threads in [1, 2] {
        let error = run_by(threads, b"", &[1]).expect_err("there is no stream");
        assert!(
            matches!(error, PrepareError::CompressedInputTruncated { offset: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_bzip2_at_all_is_an_error_that_says_so() {
    for text in ["1|plum\n2|fig\n", "BZh9 is how it begins", "BZh0"] {
        let error = assert_as_one(text.as_bytes()).expect_err("it is text");
        assert!(
            matches!(error, PrepareError::CompressedInputCorrupt { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_file_cut_anywhere_is_cut_for_several_threads_too() {
    let (bytes, _) = small();
    for end in 0..bytes.len() {
        for size in [1, 1_000] {
            let one = run_pieces(&reading(), &bytes[..end], &[size]);
            let two = run_by(2, &bytes[..end], &[size]);
            assert_same(&one, &two);
            match two {
                // Only where a stream ends.
                Ok(_) => {}
                Err(PrepareError::CompressedInputTruncated { offset, .. }) => assert_eq!(offset, end as u64),
                Err(error) => panic!("cut at {end}: {error}"),
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_what_it_is_for_one_thread() {
    let (bytes, _) = small();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 0x80 >> (bit % 8);
        let one = run_pieces(&reading(), &damaged, &[1]);
        for size in [1, 1_000] {
            let two = run_by(2, &damaged, &[size]);
            match (&one, &two) {
                (Err(one), Err(two)) => {
                    assert_eq!(discriminant(one), discriminant(two), "bit {bit}: {one} and {two}");
                }
                // A bit of padding.
                (one, two) => assert_same(one, two),
            }
        }
    }
}

#[test]
fn rubbish_behind_the_last_stream_is_placed() {
    let (bytes, _) = small();
    for rubbish in ["rubbish", "x", "\0"] {
        let followed = [&bytes, rubbish.as_bytes()].concat();
        let error = assert_as_one(&followed).expect_err("rubbish is no stream");
        assert!(
            matches!(error, PrepareError::TrailingBytes { offset, .. } if offset == bytes.len() as u64),
            "{error}"
        );
    }
    let error = assert_as_one(&[&bytes, &b"BZh9rubbish"[..]].concat()).expect_err("a stream has blocks");
    assert!(
        matches!(error, PrepareError::CompressedInputCorrupt { .. }),
        "{error}"
    );
}

#[test]
fn a_magic_that_is_data_ends_no_block() {
    let header_and_magic = [digits(0x425A_6831, 8), digits(BLOCK, 12)].concat();
    let overlapping = digits(BLOCK, 12).repeat(30);
    for data in [
        digits(BLOCK, 12),
        digits(END, 12),
        header_and_magic,
        overlapping,
        [digits(END, 12), digits(0x1234_5678, 8), digits(0x425A_6839, 8)].concat(),
        [digits(BLOCK, 12), digits(0x77, 2), digits(END, 12)].concat(),
    ] {
        for idle_selectors in 0..8 {
            let symbols = [&digits(0x0234_567A, 8)[..], &data, &[2, 9, 4]].concat();
            let crafted = Block::of_symbols(
                &symbols,
                Coding {
                    idle_selectors,
                    long_bits: 6,
                },
            );
            let blocks = [block("1|plum\n"), crafted.clone(), crafted, block("2|fig\n")];
            let bytes = [stream(b'9', &blocks), stream(b'1', &blocks[1..])].concat();
            let run = assert_as_one(&bytes).expect("the file is whole");
            assert!(run.text().starts_with("1|plum\n"), "{}", run.text());
        }
    }
}

#[test]
fn a_block_with_a_magic_in_it_is_cut_and_damaged_as_any_other() {
    let symbols = [&digits(0x0234, 4)[..], &digits(BLOCK, 12), &digits(END, 12)].concat();
    let bytes = stream(b'9', &[Block::of_symbols(&symbols, SHORT), block("2|fig\n")]);
    for end in 0..bytes.len() {
        let error = assert_as_one(&bytes[..end]).expect_err("it is cut");
        assert!(
            matches!(error, PrepareError::CompressedInputTruncated { .. }),
            "{error}"
        );
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 0x80 >> (bit % 8);
        let one = run_pieces(&reading(), &damaged, &[1]);
        let two = run_by(2, &damaged, &[1]);
        assert_eq!(one.is_ok(), two.is_ok(), "bit {bit}: {one:?} and {two:?}");
    }
}

#[test]
fn a_block_may_be_longer_than_what_is_kept_of_one() {
    let magic = &digits(BLOCK, 12)[..];
    // 250,000 symbols are 625,000 bytes.
    let symbols = [&[15, 3][..], &vec![15; 250_000], magic, &vec![15; 460_000], magic].concat();
    let long = Block::of_symbols(
        &symbols,
        Coding {
            idle_selectors: 3,
            long_bits: 20,
        },
    );
    let bytes = stream(b'9', &[block("1|plum\n"), long, block("2|fig\n")]);
    for size in [10_000, bytes.len()] {
        let one = run_pieces(&reading(), &bytes, &[size]);
        let two = run_by(2, &bytes, &[size]);
        assert!(two.is_ok());
        assert_same(&one, &two);
        let cut = run_by(2, &bytes[..1_750_000], &[size]).expect_err("it is cut");
        assert!(
            matches!(cut, PrepareError::CompressedInputTruncated { .. }),
            "{cut}"
        );
    }
}

#[test]
fn a_block_of_a_larger_level_than_the_streams_is_refused() {
    let text = "0123456789".repeat(15_000);
    let large = Block::of_stream(&compress(2, text.as_bytes()));
    assert_as_one(&stream(b'2', std::slice::from_ref(&large))).expect("it fits");
    let error = assert_as_one(&stream(b'1', &[block("1|plum\n"), large])).expect_err("it is too large");
    assert!(
        matches!(error, PrepareError::CompressedInputCorrupt { .. }),
        "{error}"
    );
}

#[test]
fn a_file_of_nothing_but_magics_is_read_to_its_end() {
    let empty = compress(9, b"").repeat(20_000);
    assert_as_one(&empty).expect("the streams are empty and complete");
    let magics = [&b"BZh9"[..], &BLOCK.to_be_bytes()[2..].repeat(20_000)].concat();
    let error = assert_as_one(&magics).expect_err("there is no block behind them");
    assert!(
        matches!(error, PrepareError::CompressedInputCorrupt { .. }),
        "{error}"
    );
}

#[test]
fn a_decoder_may_be_dropped_at_any_point() {
    let bytes = [compress(9, &vec![b'x'; 6_000_000]), small().0]
        .concat()
        .repeat(4);
    for end in (0..bytes.len()).step_by(97) {
        let mut decoder = Decoder::new(Compression::Bzip2, TWO);
        decoder.decode(&bytes[..end], drop).expect("the file is right");
    }
}

#[test]
fn a_decoder_can_be_sent_and_shared() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Decoder>();
}

#[test]
fn a_bomb_is_handed_out_a_little_at_a_time() {
    let bomb = compress(9, &vec![b'x'; 8_000_000]).repeat(6);
    let mut decoder = Decoder::new(Compression::Bzip2, TWO);
    let (mut decoded, mut longest) = (0, 0);
    let mut give = |piece: Vec<u8>| {
        decoded += piece.len();
        longest = longest.max(piece.len());
    };
    decoder.decode(&bomb, &mut give).expect("the file is right");
    decoder.finish(&mut give).expect("the file is right");
    assert_eq!(decoded, 48_000_000);
    assert!(
        longest <= Decoder::PIECE_BYTES + BLOCK_BYTES,
        "{longest} bytes at once"
    );
}

/// Text of one kind.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Words,
    Noise,
    Runs,
}

fn text(kind: Kind, length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut text = Vec::with_capacity(length + 600);
    while text.len() < length {
        match kind {
            Kind::Words => {
                text.extend_from_slice(["plum|", "fig|", "pear\n", "lime, "][next() % 4].as_bytes())
            }
            Kind::Noise => text.push(next() as u8),
            Kind::Runs => text.extend(std::iter::repeat_n(b'a' + (next() % 3) as u8, next() % 600)),
        }
    }
    text.truncate(length);
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn several_threads_give_what_one_gives(
        streams in proptest::collection::vec(
            (
                1u32..=9,
                prop_oneof![Just(Kind::Words), Just(Kind::Noise), Just(Kind::Runs)],
                prop_oneof![3 => 0usize..3_000, 1 => 90_000usize..260_000],
                any::<u64>(),
            ),
            1..5,
        ),
        sizes in proptest::collection::vec(
            prop_oneof![1usize..10, 1usize..5_000, 1usize..200_000],
            1..8,
        ),
        threads in 2usize..=4,
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (level, kind, length, seed) in streams {
            let text = text(kind, length, seed);
            // Level 1 where it makes several blocks.
            bytes.extend(compress(if length > 3_000 { 1 } else { level }, &text));
            expected.extend(text);
        }
        let one = run_pieces(&reading(), &bytes, &[bytes.len()]);
        let several = run_by(threads, &bytes, &sizes);
        assert_same(&one, &several);
        let decoded: Vec<u8> = several.expect("the streams are complete").outputs.into_values().flatten().collect();
        prop_assert!(decoded == expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_put_together_at_random_is_judged_as_one_thread_does(
        parts in proptest::collection::vec(
            prop_oneof![
                4 => Just(small().0),
                2 => Just(b"BZh9".to_vec()),
                1 => Just(b"BZh1".to_vec()),
                2 => Just(BLOCK.to_be_bytes()[2..].to_vec()),
                2 => Just(END.to_be_bytes()[2..].to_vec()),
                1 => Just(vec![0; 4]),
                1 => proptest::collection::vec(any::<u8>(), 0..12),
                2 => (0usize..200).prop_map(|from| small().0[from.min(small().0.len())..].to_vec()),
                2 => (0usize..200).prop_map(|to| small().0[..to.min(small().0.len())].to_vec()),
            ],
            1..6,
        ),
        size in 1usize..100,
    ) {
        let bytes = parts.concat();
        let one = run_pieces(&reading(), &bytes, &[1]);
        let two = run_by(2, &bytes, &[size]);
        match (&one, &two) {
            // The file's last bits are not given to a decoder that they would fill no byte of.
            (
                Err(PrepareError::CompressedInputCorrupt { offset, .. }),
                Err(PrepareError::CompressedInputTruncated { .. }),
            ) => prop_assert_eq!(*offset, bytes.len() as u64 - 1),
            (Err(one), Err(two)) => prop_assert_eq!(discriminant(one), discriminant(two), "{} and {}", one, two),
            (one, two) => assert_same(one, two),
        }
    }
}

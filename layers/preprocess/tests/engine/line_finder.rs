//! Lines out of a file.

use std::collections::BTreeMap;
use std::io::Write;

use longshore_preprocess::{Compression, Encoding, LineFinder, LineSearch};

fn find(encoding: Encoding, input: &[u8], lines: &[u64], size: usize) -> BTreeMap<u64, String> {
    let mut finder = LineFinder::new(Compression::None, encoding, lines.iter().copied());
    for piece in input.chunks(size) {
        if finder.push(piece).expect("nothing is compressed") == LineSearch::Done {
            break;
        }
    }
    finder.finish()
}

#[test]
fn every_line_is_found_however_the_file_is_cut() {
    let text = "\u{FEFF}é|1\r\n\n|2\nlast";
    let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let expected = [(1, "é|1"), (2, ""), (3, "|2"), (4, "last")];
    let expected = BTreeMap::from(expected.map(|(line, text)| (line, text.to_owned())));
    for (encoding, bytes) in [
        (Encoding::Utf8, text.as_bytes()),
        (Encoding::Utf16, &little),
        (Encoding::Utf16, &big),
    ] {
        for size in 1..=bytes.len() {
            let together = find(encoding, bytes, &[1, 2, 3, 4, 5], size);
            let alone = (1..=5)
                .flat_map(|line| find(encoding, bytes, &[line], size))
                .collect();
            for lines in [together, alone] {
                assert_eq!(lines, expected, "{encoding} by {size}");
            }
        }
    }
}

#[test]
fn a_long_line_is_shown_by_its_beginning_and_the_next_one_is_found() {
    let text = format!("a\n{}\nb\n", "x".repeat(100_000));
    let lines = find(Encoding::Utf8, text.as_bytes(), &[2, 3], 1000);
    assert_eq!((lines[&2].len(), lines[&3].as_str()), (4096, "b"));
}

#[test]
fn a_line_of_a_compressed_file_is_found_and_damage_is_an_error() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all("a\n".repeat(100_000).as_bytes())
        .expect("memory takes it");
    encoder.write_all(b"the line\nb\n").expect("memory takes it");
    let bytes = encoder.finish().expect("memory takes it");
    let mut finder = LineFinder::new(Compression::Gzip, Encoding::Utf8, [100_001]);
    assert_eq!(finder.push(&bytes).expect("it is gzip"), LineSearch::Done);
    assert_eq!(finder.finish()[&100_001], "the line");
    let mut finder = LineFinder::new(Compression::Gzip, Encoding::Utf8, [1]);
    assert!(finder.push(b"no gzip at all").is_err());
}

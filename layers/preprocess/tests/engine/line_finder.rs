//! One line out of a file.

use std::io::Write;

use longshore_preprocess::{Compression, Encoding, LineFinder, LineSearch};

fn find(encoding: Encoding, input: &[u8], line: u64, size: usize) -> Option<String> {
    let mut finder = LineFinder::new(Compression::None, encoding, line);
    for piece in input.chunks(size) {
        if let LineSearch::Found(text) = finder.push(piece).expect("nothing is compressed") {
            return Some(text);
        }
    }
    finder.finish()
}

#[test]
fn every_line_is_found_however_the_file_is_cut() {
    let text = "\u{FEFF}é|1\r\n\n|2\nlast";
    let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (encoding, bytes) in [
        (Encoding::Utf8, text.as_bytes()),
        (Encoding::Utf16, &little),
        (Encoding::Utf16, &big),
    ] {
        for size in 1..=bytes.len() {
            let lines: Vec<_> = (1..=5).map(|line| find(encoding, bytes, line, size)).collect();
            let expected = [Some("é|1"), Some(""), Some("|2"), Some("last"), None];
            assert_eq!(
                lines,
                expected.map(|line| line.map(str::to_owned)),
                "{encoding} by {size}"
            );
        }
    }
}

#[test]
fn a_long_line_is_shown_by_its_beginning() {
    let text = format!("a\n{}", "x".repeat(100_000));
    assert_eq!(
        find(Encoding::Utf8, text.as_bytes(), 2, 1000).map(|line| line.len()),
        Some(4096)
    );
}

#[test]
fn a_line_of_a_compressed_file_is_found_and_damage_is_an_error() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all("a\n".repeat(100_000).as_bytes())
        .expect("memory takes it");
    encoder.write_all(b"the line\nb\n").expect("memory takes it");
    let bytes = encoder.finish().expect("memory takes it");
    let mut finder = LineFinder::new(Compression::Gzip, Encoding::Utf8, 100_001);
    assert_eq!(
        finder.push(&bytes).expect("it is gzip"),
        LineSearch::Found("the line".to_owned())
    );
    let mut finder = LineFinder::new(Compression::Gzip, Encoding::Utf8, 1);
    assert!(finder.push(b"no gzip at all").is_err());
}

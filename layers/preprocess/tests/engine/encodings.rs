//! Byte order marks, two-byte text, and transcoding.

use longshore_preprocess::{
    Encoding, OutputEncoding, OutputFormat, PipelineSpec, PrepareError, Split, Trailer, TrailerCount,
    UnlistedRecords,
};

use crate::drive::{copying, run};

fn little(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn big(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn in_encoding(encoding: Encoding) -> PipelineSpec {
    PipelineSpec {
        encoding,
        ..copying()
    }
}

fn to_utf8(encoding: Encoding) -> PipelineSpec {
    PipelineSpec {
        output: Some(OutputFormat {
            encoding: OutputEncoding::Utf8,
            ..OutputFormat::default()
        }),
        ..in_encoding(encoding)
    }
}

#[test]
fn a_mark_is_reported_and_left_out_of_outputs() {
    let run = run(&copying(), "\u{FEFF}1|plum\n".as_bytes()).expect("the file is right");
    assert!(run.report.has_byte_order_mark);
    assert_eq!((run.text().as_str(), run.report.bytes_decoded), ("1|plum\n", 10));
}

#[test]
fn a_file_of_only_a_mark_is_empty() {
    let run = run(&copying(), "\u{FEFF}".as_bytes()).expect("the file is right");
    assert_eq!((run.report.records, run.report.has_byte_order_mark), (0, true));
}

#[test]
fn the_mark_decides_the_byte_order_of_utf_16() {
    for (bytes, found) in [
        (little("\u{FEFF}ab\nc\n"), Encoding::Utf16Le),
        (big("\u{FEFF}ab\nc\n"), Encoding::Utf16Be),
    ] {
        let run = run(&in_encoding(Encoding::Utf16), &bytes).expect("the file is right");
        assert_eq!((run.report.encoding, run.report.records), (found, 2));
        assert_eq!(run.outputs.into_values().next().expect("one output"), bytes[2..]);
    }
}

#[test]
fn utf_16_without_the_mark_is_an_error_that_says_what_to_do() {
    let error = run(&in_encoding(Encoding::Utf16), &little("ab\n")).expect_err("the mark is missing");
    assert_eq!(
        error.to_string(),
        "the file is declared UTF-16 but does not begin with a byte order mark, which Redshift needs; \
         declare UTF16LE or UTF16BE, or send the file with the mark"
    );
    assert_eq!(
        run(&in_encoding(Encoding::Utf16), b"")
            .expect("an empty file is empty")
            .report
            .records,
        0
    );
}

#[test]
fn line_ends_prefixes_and_trailers_are_found_in_two_byte_text() {
    // U+0A0A and U+0D0A hold newline bytes; U+4100 holds the byte of A.
    let text = "A\u{0A0A}1\r\n\u{4100}2\r\n\r\nA\u{0D0A}\r\nT03";
    let spec = PipelineSpec {
        split: Some(Split {
            prefixes: vec!["A".to_owned()],
            unlisted: UnlistedRecords::Write,
        }),
        trailer: Some(Trailer {
            count: Some(TrailerCount::Position("2:4".parse().expect("a position"))),
        }),
        ..copying()
    };
    for (encoding, bytes, encode) in [
        (Encoding::Utf16Le, little(text), little as fn(&str) -> Vec<u8>),
        (Encoding::Utf16Be, big(text), big as fn(&str) -> Vec<u8>),
    ] {
        let run = run(
            &PipelineSpec {
                encoding,
                ..spec.clone()
            },
            &bytes,
        )
        .expect("the file is right");
        assert_eq!(
            (
                run.report.records_by_prefix.as_slice(),
                run.report.unlisted.records
            ),
            (&[2][..], 1)
        );
        let outputs: Vec<_> = run.outputs.into_values().collect();
        assert_eq!(
            outputs,
            [encode("A\u{0A0A}1\r\nA\u{0D0A}\r\n"), encode("\u{4100}2\r\n")]
        );
    }
}

#[test]
fn half_a_unit_at_the_end_is_invalid() {
    let mut bytes = little("ab\nc");
    bytes.push(b'd');
    let error = run(&in_encoding(Encoding::Utf16Le), &bytes).expect_err("a byte is missing");
    assert!(
        matches!(error, PrepareError::InvalidEncoding { line: 2, byte: 8, .. }),
        "{error}"
    );
}

#[test]
fn an_unpaired_surrogate_is_invalid_at_its_place() {
    let mut bytes = big("ab\n");
    bytes.extend([0xD8, 0x3D, 0x00, 0x61]);
    let error = run(&in_encoding(Encoding::Utf16Be), &bytes).expect_err("a surrogate is missing");
    assert!(
        matches!(error, PrepareError::InvalidEncoding { line: 2, byte: 6, .. }),
        "{error}"
    );
}

#[test]
fn everything_can_be_written_as_utf_8() {
    let text = "1|Zürich €\n2|😀\n";
    for (encoding, bytes) in [
        (Encoding::Utf16, little(&format!("\u{FEFF}{text}"))),
        (Encoding::Utf16Be, big(text)),
        (Encoding::Utf8, text.as_bytes().to_vec()),
    ] {
        assert_eq!(
            run(&to_utf8(encoding), &bytes).expect("the file is right").text(),
            text
        );
    }
    let run = run(&to_utf8(Encoding::Iso88591), b"1|Z\xFCrich\n").expect("every byte is a character");
    assert_eq!(run.text(), "1|Zürich\n");
}

//! What a file holds stays out of every error about it.

use std::collections::BTreeSet;
use std::error::Error;

use longshore_preprocess::{
    Compression, Encoding, Framing, Header, HeaderInOutput, PipelineSpec, PrepareError, Trailer, TrailerCount,
};
use proptest::prelude::*;

use crate::compressed::compress;
use crate::drive::{copying, run_pieces};

/// Six characters that nothing but the data holds.
const CANARY: &str = "qzXwvK";

/// Everything that a log could print of an error.
fn printed(error: &PrepareError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(" {source} {source:?}"));
        cause = source.source();
    }
    text
}

fn assert_secret(error: &PrepareError) {
    let text = printed(error);
    assert!(!text.contains(CANARY), "{text}");
}

fn trailer(count: TrailerCount) -> Option<Trailer> {
    Some(Trailer { count: Some(count) })
}

fn at(position: &str) -> Option<Trailer> {
    trailer(TrailerCount::Position(
        position.parse().expect("the position is right"),
    ))
}

fn after_tag() -> Option<Trailer> {
    trailer(TrailerCount::AfterTag {
        tag: "TRL".to_owned(),
    })
}

/// Specifications that find fault with much.
fn demanding() -> Vec<PipelineSpec> {
    let quoted = Framing::Quoted {
        quote: b'"',
        escape: None,
    };
    let header = Header {
        records: 2,
        in_output: HeaderInOutput::Drop,
    };
    let plain = copying();
    vec![
        PipelineSpec {
            trailer: at("1:7"),
            ..plain.clone()
        },
        PipelineSpec {
            trailer: at("40:50"),
            ..plain.clone()
        },
        PipelineSpec {
            trailer: after_tag(),
            ..plain.clone()
        },
        PipelineSpec {
            trailer: after_tag(),
            header,
            ..plain.clone()
        },
        PipelineSpec {
            framing: quoted,
            ..plain.clone()
        },
        PipelineSpec {
            record_limit_bytes: 8,
            ..plain.clone()
        },
        PipelineSpec {
            header,
            minimum_records: 1,
            ..plain.clone()
        },
        PipelineSpec {
            minimum_records: 1_000,
            ..plain.clone()
        },
        PipelineSpec {
            encoding: Encoding::Utf16,
            ..plain.clone()
        },
        PipelineSpec {
            encoding: Encoding::Utf16Le,
            ..plain.clone()
        },
        PipelineSpec {
            compression: Compression::Gzip,
            ..plain.clone()
        },
        PipelineSpec {
            compression: Compression::Bzip2,
            ..plain.clone()
        },
        PipelineSpec {
            compression: Compression::Zstd,
            ..plain
        },
    ]
}

/// The variant's name, which comes first in the debug text.
fn variant(error: &PrepareError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn no_kind_of_error_shows_what_the_file_holds() {
    let row = format!("{CANARY}|1\n");
    let mut files: Vec<Vec<u8>> = ["", "\"", "\u{FFFD}", "TRL 0\n", "TRL 7\n", "TRL|"]
        .iter()
        .map(|end| format!("{row}{row}{row}{end}").into_bytes())
        .chain([b"\n".to_vec(), format!("{row}\"{CANARY}").into_bytes()])
        .collect();
    files.push([row.as_bytes(), &[0xFF], row.as_bytes()].concat());
    files.push([vec![b'h'; 1024 * 1024 + 1], row.clone().into_bytes()].concat());
    for compression in [Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
        let whole = compress(compression, row.as_bytes());
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xFF;
        files.push(whole[..whole.len() - 3].to_vec());
        files.push([&whole, row.as_bytes()].concat());
        files.push(damaged);
    }
    let mut seen = BTreeSet::new();
    for spec in demanding() {
        for file in &files {
            if let Err(error) = run_pieces(&spec, file, &[file.len()]) {
                assert_secret(&error);
                seen.insert(variant(&error));
            }
        }
    }
    let expected = [
        "ByteOrderMarkMissing",
        "CompressedInputCorrupt",
        "CompressedInputTruncated",
        "HeaderTooLong",
        "InvalidEncoding",
        "NoRecords",
        "RecordTooLong",
        "TooFewRecords",
        "TrailerCountMismatch",
        "TrailerCountUnreadable",
        "TrailerMissing",
        "TrailerPositionOutside",
        "TrailerSaysZero",
        "TrailerTagMissing",
        "TrailingBytes",
        "UnbalancedQuotes",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn a_file_made_of_secrets_is_refused_without_telling_one(
        symbols in proptest::collection::vec(
            prop_oneof![
                3 => Just(CANARY), 3 => Just("\n"), 1 => Just("\r\n"), 2 => Just("|"), 1 => Just("\""), 1 => Just("TRL"),
                1 => Just("0"), 1 => Just("3"), 1 => Just(" "), 1 => Just("é"),
            ],
            0..40,
        ),
        sizes in proptest::collection::vec(1usize..9, 1..40),
    ) {
        let text = symbols.concat();
        for spec in demanding() {
            let bytes = compress(spec.compression, text.as_bytes());
            for file in [&bytes[..], &bytes[..bytes.len() / 2], text.as_bytes()] {
                if let Err(error) = run_pieces(&spec, file, &sizes) {
                    assert_secret(&error);
                }
            }
        }
    }
}

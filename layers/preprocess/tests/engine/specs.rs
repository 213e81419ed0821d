//! Specifications that make no sense are refused before a byte is read.

use longshore_preprocess::{
    Encoding, Framing, Header, HeaderInOutput, OutputEncoding, OutputFormat, Pipeline, PipelineSpec,
    SpecError, Split, Trailer, TrailerCount, UnlistedRecords,
};

fn refusal(spec: PipelineSpec) -> SpecError {
    Pipeline::new(spec)
        .err()
        .expect("the specification makes no sense")
}

fn split(prefixes: &[&str]) -> PipelineSpec {
    let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    PipelineSpec {
        split: Some(Split {
            prefixes,
            unlisted: UnlistedRecords::Leave,
        }),
        ..PipelineSpec::default()
    }
}

#[test]
fn quotes_need_a_delimiter_of_their_own() {
    let framing = Framing::Quoted {
        quote: b'"',
        escape: None,
    };
    assert_eq!(
        refusal(PipelineSpec {
            framing,
            ..PipelineSpec::default()
        }),
        SpecError::QuotedWithoutDelimiter
    );
    let clash = PipelineSpec {
        framing,
        delimiter: Some(b'"'),
        ..PipelineSpec::default()
    };
    assert_eq!(refusal(clash), SpecError::DelimiterClash { byte: b'"' });
}

#[test]
fn special_characters_are_ascii_and_no_line_ends() {
    for byte in [b'\n', b'\r', 0xA7] {
        let spec = PipelineSpec {
            delimiter: Some(byte),
            ..PipelineSpec::default()
        };
        assert_eq!(
            refusal(spec),
            SpecError::UnusableCharacter {
                name: "delimiter",
                byte
            }
        );
    }
    let spec = PipelineSpec {
        delimiter: Some(b'\x01'),
        ..PipelineSpec::default()
    };
    assert!(Pipeline::new(spec).is_ok());
}

#[test]
fn prefixes_are_given_once_and_hold_something() {
    assert_eq!(refusal(split(&[])), SpecError::SplitWithoutPrefixes);
    assert_eq!(
        refusal(split(&["HD", ""])),
        SpecError::UnusablePrefix { position: 2 }
    );
    assert_eq!(
        refusal(split(&["HD", "DT", "HD"])),
        SpecError::DuplicatePrefix {
            prefix: "HD".to_owned()
        }
    );
}

#[test]
fn an_empty_tag_is_no_tag() {
    let count = Some(TrailerCount::AfterTag { tag: String::new() });
    let spec = PipelineSpec {
        trailer: Some(Trailer { count }),
        ..PipelineSpec::default()
    };
    assert_eq!(refusal(spec), SpecError::EmptyTrailerTag);
}

#[test]
fn what_needs_records_is_refused_for_opaque_files() {
    let opaque = PipelineSpec {
        framing: Framing::Opaque,
        ..PipelineSpec::default()
    };
    let to_utf8 = OutputFormat {
        encoding: OutputEncoding::Utf8,
        ..OutputFormat::default()
    };
    for spec in [
        PipelineSpec {
            header: Header {
                records: 1,
                in_output: HeaderInOutput::Drop,
            },
            ..opaque.clone()
        },
        PipelineSpec {
            trailer: Some(Trailer::default()),
            ..opaque.clone()
        },
        PipelineSpec {
            split: split(&["A"]).split,
            ..opaque.clone()
        },
        PipelineSpec {
            minimum_records: 1,
            ..opaque.clone()
        },
        PipelineSpec {
            output: Some(to_utf8),
            encoding: Encoding::Utf16,
            ..opaque.clone()
        },
    ] {
        assert!(matches!(refusal(spec), SpecError::NeedsRecords { .. }));
    }
    assert!(Pipeline::new(opaque).is_ok());
}

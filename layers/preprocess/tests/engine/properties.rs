//! Random files, random cuts, random wishes: always what the obvious engine gives.

use std::num::NonZeroU64;

use longshore_preprocess::{
    Encoding, Framing, Header, HeaderInOutput, OutputFormat, PipelineSpec, PrepareError, Split, Trailer,
    UnlistedRecords,
};
use proptest::prelude::*;

use crate::drive::{Run, assert_same, run_pieces};
use crate::reference::{Expected, prepare};

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Lines),
        Just(Framing::Escaped { escape: b'\\' }),
        Just(Framing::Quoted {
            quote: b'"',
            escape: None
        }),
        Just(Framing::Quoted {
            quote: b'"',
            escape: Some(b'\\')
        }),
        Just(Framing::Quoted {
            quote: b'"',
            escape: Some(b'"')
        }),
    ]
}

fn split() -> impl Strategy<Value = Option<Split>> {
    let prefixes = prop_oneof![
        Just(vec!["a".to_owned()]),
        Just(vec!["ab".to_owned(), "a".to_owned(), "é".to_owned()]),
        Just(vec!["\"".to_owned(), "a,".to_owned(), "ab\\".to_owned()]),
    ];
    let unlisted = prop_oneof![Just(UnlistedRecords::Leave), Just(UnlistedRecords::Write)];
    proptest::option::of((prefixes, unlisted).prop_map(|(prefixes, unlisted)| Split { prefixes, unlisted }))
}

prop_compose! {
    fn spec()(
        framing in framing(),
        split in split(),
        header_records in 0u32..3,
        keeps_header in any::<bool>(),
        has_trailer in any::<bool>(),
        writes in any::<bool>(),
        part_bytes in proptest::option::of(1u64..25),
    ) -> PipelineSpec {
        let in_output = if keeps_header { HeaderInOutput::Keep } else { HeaderInOutput::Drop };
        let part_bytes = part_bytes.and_then(NonZeroU64::new);
        PipelineSpec {
            framing,
            split,
            delimiter: Some(b','),
            header: Header { records: header_records, in_output },
            trailer: has_trailer.then(Trailer::default),
            output: writes.then_some(OutputFormat { part_bytes, ..OutputFormat::default() }),
            ..PipelineSpec::default()
        }
    }
}

/// Text in which everything that means something is frequent.
fn text() -> impl Strategy<Value = String> {
    let symbol = prop_oneof![
        4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"), 3 => Just("\""), 2 => Just(","), 1 => Just("\\"),
        3 => Just("a"), 2 => Just("b"), 1 => Just("é"), 1 => Just("😀"), 1 => Just("ਊ"),
    ];
    proptest::collection::vec(symbol, 0..300).prop_map(|symbols| symbols.concat())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..9, 1..40)
}

fn observed(outcome: &Result<Run, PrepareError>) -> Expected {
    match outcome {
        Ok(Run { report, outputs, .. }) => Expected::Prepared {
            records: report.records,
            blank_records: report.blank_records,
            header: report.header.iter().map(|record| record.text.clone()).collect(),
            trailer: report.trailer.as_ref().map(|trailer| trailer.text.clone()),
            by_prefix: report.records_by_prefix.clone(),
            unlisted: report.unlisted.records,
            line_ending: report.line_ending,
            outputs: outputs.clone(),
        },
        Err(PrepareError::UnbalancedQuotes { line, byte }) => Expected::UnbalancedQuotes {
            line: *line,
            byte: *byte,
        },
        Err(PrepareError::TrailerMissing { .. }) => Expected::TrailerMissing,
        Err(error) => panic!("unexpected: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_file_is_prepared_as_the_obvious_engine_prepares_it(
        spec in spec(), text in text(), sizes in sizes(),
    ) {
        let whole = run_pieces(&spec, text.as_bytes(), &[text.len()]);
        prop_assert_eq!(observed(&whole), prepare(&spec, text.as_bytes()));
        assert_same(&whole, &run_pieces(&spec, text.as_bytes(), &sizes));
    }

    #[test]
    fn a_file_in_utf_16_is_prepared_as_the_same_file_in_utf_8(
        spec in spec(), text in text(), sizes in sizes(), little in any::<bool>(), has_mark in any::<bool>(),
    ) {
        let spec = PipelineSpec { output: spec.output.map(|output| OutputFormat { part_bytes: None, ..output }), ..spec };
        let encoding = if little { Encoding::Utf16Le } else { Encoding::Utf16Be };
        let encode = |text: &str| -> Vec<u8> {
            let order = if little { u16::to_le_bytes } else { u16::to_be_bytes };
            text.encode_utf16().flat_map(order).collect()
        };
        let wide_spec = PipelineSpec { encoding, ..spec.clone() };
        let wide_text = encode(&if has_mark { format!("\u{FEFF}{text}") } else { text.clone() });

        let narrow = run_pieces(&spec, text.as_bytes(), &[text.len()]);
        let wide = run_pieces(&wide_spec, &wide_text, &sizes);
        match (narrow, wide) {
            (Ok(narrow), Ok(wide)) => {
                prop_assert_eq!(wide.report.has_byte_order_mark, has_mark);
                prop_assert_eq!(narrow.report.records, wide.report.records);
                prop_assert_eq!(narrow.report.header, wide.report.header);
                prop_assert_eq!(narrow.report.unlisted, wide.report.unlisted);
                prop_assert_eq!(narrow.report.lines, wide.report.lines);
                let encoded = |bytes: &Vec<u8>| encode(std::str::from_utf8(bytes).expect("it came as UTF-8"));
                let expected: Vec<_> = narrow.outputs.iter().map(|(id, bytes)| (*id, encoded(bytes))).collect();
                prop_assert_eq!(expected, wide.outputs.into_iter().collect::<Vec<_>>());
            }
            (Err(narrow), Err(wide)) => {
                prop_assert_eq!(std::mem::discriminant(&narrow), std::mem::discriminant(&wide));
            }
            (narrow, wide) => panic!("one failed: {narrow:?} and {wide:?}"),
        }
    }

    #[test]
    fn invalid_utf_8_is_found_where_the_standard_library_finds_it(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b'a'), Just(b'\n'), Just(0xC3), Just(0xA9), Just(0xE2), Just(0x82), Just(0xF0), any::<u8>()],
            0..40,
        ),
        sizes in sizes(),
    ) {
        let whole = run_pieces(&PipelineSpec::default(), &bytes, &[bytes.len()]);
        assert_same(&whole, &run_pieces(&PipelineSpec::default(), &bytes, &sizes));
        match (std::str::from_utf8(&bytes), whole) {
            (Ok(_), Ok(_)) => {}
            (Err(error), Err(PrepareError::InvalidEncoding { line, byte, .. })) => {
                let before = &bytes[..error.valid_up_to()];
                prop_assert_eq!(byte, before.len() as u64);
                prop_assert_eq!(line, 1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64);
            }
            (expected, found) => panic!("expected {expected:?}, found {found:?}"),
        }
    }
}

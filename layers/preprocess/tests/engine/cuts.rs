//! What is found at a few places of a file, and in chunks of it, is what a pipeline over the whole of it finds.

use longshore_preprocess::{
    ChunkScan, Framing, Head, Header, HeaderInOutput, InvalidBytes, Joined, LocalEnds, OutputFormat,
    PipelineSpec, PrepareError, RecordCounter, Report, ScannedChunk, Tail, Tally, TallyJoin, Trailer,
};
use proptest::prelude::*;

use crate::drive::{Run, run_pieces};

prop_compose! {
    fn spec()(
        framing in prop_oneof![
            Just(Framing::Lines),
            Just(Framing::Escaped { escape: b'\\' }),
            Just(Framing::Quoted { quote: b'"', escape: None }),
            Just(Framing::Quoted { quote: b'"', escape: Some(b'\\') }),
        ],
        header_records in 0u32..3,
        has_trailer in any::<bool>(),
        record_limit_bytes in prop_oneof![Just(1000usize), 3usize..12],
    ) -> PipelineSpec {
        PipelineSpec {
            framing,
            delimiter: Some(b','),
            header: Header { records: header_records, in_output: HeaderInOutput::Keep },
            trailer: has_trailer.then(Trailer::default),
            output: Some(OutputFormat::default()),
            record_limit_bytes,
            ..PipelineSpec::default()
        }
    }
}

/// Text in which everything that means something is frequent, with an invalid byte now and then.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let symbol = prop_oneof![
        5 => Just("\n"), 3 => Just("\r\n"), 1 => Just("\r"), 3 => Just("\\"), 3 => Just("\""), 2 => Just(","), 5 => Just("a"),
        2 => Just("é"), 1 => Just("\u{FEFF}"), 1 => Just("😀"),
    ];
    let wrong = proptest::option::weighted(0.1, (any::<proptest::sample::Index>(), any::<u8>()));
    (proptest::collection::vec(symbol, 0..60), wrong).prop_map(|(symbols, wrong)| {
        let mut bytes = symbols.concat().into_bytes();
        if let (Some((place, byte)), false) = (wrong, bytes.is_empty()) {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..9, 1..40)
}

fn whole(spec: &PipelineSpec, text: &[u8]) -> Result<Run, PrepareError> {
    run_pieces(spec, text, &[text.len().max(1)])
}

/// Gives a scan its chunk as a network would.
fn scan_in_pieces(mut scan: ChunkScan<'_>, mut chunk: &[u8], sizes: &[usize]) -> ScannedChunk {
    for size in sizes.iter().rev().cycle() {
        let (piece, rest) = chunk.split_at((*size).min(chunk.len()));
        scan.take(piece);
        chunk = rest;
        if chunk.is_empty() {
            break;
        }
    }
    scan.finish()
}

/// Counts a text in chunks of these sizes, stopping after `stops` chunks to begin anew from what is noted.
fn count_in_chunks(
    spec: &PipelineSpec,
    text: &[u8],
    sizes: &[usize],
    lines_before: u64,
    bytes_before: u64,
    stops: usize,
) -> Result<Tally, PrepareError> {
    let counter = RecordCounter::new(spec).expect("its records are told on the spot");
    let mut noted = Tally::default();
    for limit in [stops, usize::MAX] {
        let mut join = TallyJoin::new(counter.clone(), lines_before, bytes_before, noted);
        let mut from = usize::try_from(noted.bytes).expect("it is short");
        let begin = from;
        for size in sizes.iter().cycle().take(limit) {
            let to = (from + size).min(text.len());
            if from == to {
                break;
            }
            let scanned = scan_in_pieces(counter.scan(from == begin), &text[from..to], sizes);
            if let Joined::Misread { from: place } = join.join(scanned)? {
                let rest = from + usize::try_from(place).expect("it is short");
                let again = scan_in_pieces(join.again(), &text[rest..to], sizes);
                assert_eq!(join.join(again)?, Joined::Taken, "it began with a record");
            }
            from = to;
        }
        noted = join.tally();
        if limit == usize::MAX {
            return join.finish();
        }
    }
    unreachable!("the second round has no limit")
}

fn same(found: &PrepareError, expected: &PrepareError) -> bool {
    found.to_string() == expected.to_string()
}

/// The data of a report's output without its header, and where it lies in the text.
fn copied(text: &[u8], head: &Head, tail: &Tail) -> Vec<u8> {
    let from = usize::try_from(head.mark_bytes).expect("it is short");
    let to = usize::try_from(tail.data_to).expect("it is short");
    text[from..to].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn chunks_are_counted_as_the_whole_is(spec in spec(), text in text(), sizes in sizes(), stops in 0usize..20) {
        // A record that is too long and has wrong bytes where it becomes so may be refused for either.
        let is_valid = std::str::from_utf8(&text).is_ok();
        let record_limit_bytes = if is_valid { spec.record_limit_bytes } else { 1000 };
        let plain = PipelineSpec { header: Header::default(), trailer: None, output: None, record_limit_bytes, ..spec };
        // The pipeline takes a mark off, the counter is given what comes behind it.
        let mark = if text.starts_with("\u{FEFF}".as_bytes()) { 3 } else { 0 };
        let counted = count_in_chunks(&plain, &text[mark..], &sizes, 0, mark as u64, stops);
        match (counted, whole(&plain, &text)) {
            (Ok(tally), Ok(Run { report, .. })) => {
                let Report { records, blank_records, lines, .. } = report;
                prop_assert_eq!(tally, Tally { bytes: (text.len() - mark) as u64, records, blank_records, lines });
            }
            (Err(found), Err(expected)) => prop_assert!(same(&found, &expected), "{found}, not {expected}"),
            (found, expected) => prop_assert!(false, "{found:?}, not {:?}", expected.map(|run| run.report)),
        }
    }

    #[test]
    fn head_and_tail_give_the_copy_that_the_pipeline_writes(spec in spec(), text in text(), window in 1usize..40) {
        let spec = PipelineSpec { record_limit_bytes: 1000, ..spec };
        let Ok(Run { report, outputs, .. }) = whole(&spec, &text) else { return Ok(()) };
        let Some(head) = Head::read(&spec, &text) else { return Ok(()) };
        let fields = |report: &Report| report.header.clone();
        prop_assert_eq!(&head.header, &fields(&report));
        prop_assert_eq!(head.mark_bytes > 0, report.has_byte_order_mark);
        let data_from = usize::try_from(head.data_from).expect("it is short");
        let from = text.len().saturating_sub(window).max(data_from);
        let is_start = from == data_from;
        let is_quoted = matches!(spec.framing, Framing::Quoted { .. });
        let Some(tail) = Tail::read(&spec, &text[from..], from as u64, is_start) else {
            // The whole of the data says it, unless there is none, or a trailer with quotes in it.
            if is_start && !is_quoted { prop_assert_eq!(report.records, 0); }
            return Ok(());
        };
        // In CSV the last line may lie within quotes: then what lies before it does not end where a record does.
        let found_to = tail.trailer.as_ref().map_or(text.len(), |trailer| trailer.byte as usize);
        let before = count_in_chunks(&spec, &text[data_from..found_to], &[7], 0, 0, 0);
        if is_quoted && matches!(before, Err(PrepareError::UnbalancedQuotes { .. })) {
            return Ok(());
        }
        prop_assert_eq!(tail.trailer.as_ref().map(|trailer| trailer.byte), report.trailer.as_ref().map(|trailer| trailer.byte));
        let counted_to = tail.trailer.as_ref().map_or(text.len(), |trailer| trailer.byte as usize);
        let counted = count_in_chunks(&spec, &text[data_from..counted_to], &[7], head.header_lines, head.data_from, 0)
            .expect("the pipeline took it");
        prop_assert_eq!(counted.records, report.records);
        if let Some(trailer) = &report.trailer {
            prop_assert_eq!(1 + head.header_lines + counted.lines, trailer.line);
        }
        // What the server copies is what the pipeline writes, where nobody must look for blank lines among the data.
        if counted.blank_records == tail.blank_records && tail.ends_in_line_end {
            let written = outputs.values().next().cloned().unwrap_or_default();
            prop_assert_eq!(copied(&text, &head, &tail), written);
        }
    }

    #[test]
    fn every_end_that_is_told_on_the_spot_is_one(spec in spec(), text in text(), from in 0usize..60) {
        let Some(ends) = LocalEnds::of(&spec) else { return Ok(()) };
        let from = from.min(text.len());
        let all = obvious_ends(&spec, &text);
        let first = ends.first(&text[from..], false).map(|end| from + end);
        let expected = all.iter().copied().find(|end| *end > from);
        let is_doubtful = matches!(spec.framing, Framing::Escaped { .. });
        match (first, is_doubtful) {
            (Some(end), true) => prop_assert!(all.contains(&end)),
            (None, true) => {}
            (found, false) => prop_assert_eq!(found, expected),
        }
        if let Some(last) = ends.last(&text[from..], false) {
            prop_assert!(all.contains(&(from + last)));
        }
    }
}

/// Fields of more line ends than a guess is made by: chunks that begin within one are misread and scanned again.
#[test]
fn counters_of_texts_that_are_read_differently_have_another_basis() {
    let semicolons = PipelineSpec {
        framing: Framing::Quoted {
            quote: b'"',
            escape: None,
        },
        delimiter: Some(b';'),
        ..PipelineSpec::default()
    };
    let basis = |spec: &PipelineSpec| RecordCounter::new(spec).expect("chunks say something").basis();
    for other in [
        PipelineSpec {
            delimiter: Some(b','),
            ..semicolons.clone()
        },
        PipelineSpec {
            framing: Framing::Lines,
            ..semicolons.clone()
        },
        PipelineSpec {
            invalid_bytes: InvalidBytes::Accept,
            ..semicolons.clone()
        },
        PipelineSpec {
            record_limit_bytes: 7,
            ..semicolons.clone()
        },
    ] {
        assert_ne!(basis(&other), basis(&semicolons));
    }
    let of_one_at_least = PipelineSpec {
        minimum_records: 1,
        ..semicolons.clone()
    };
    assert_eq!(
        basis(&of_one_at_least),
        basis(&semicolons),
        "the text counts alike"
    );
}

#[test]
fn a_field_longer_than_what_a_guess_is_made_by_is_counted_as_the_whole_is() {
    let spec = PipelineSpec {
        framing: Framing::Quoted {
            quote: b'"',
            escape: None,
        },
        delimiter: Some(b','),
        ..PipelineSpec::default()
    };
    let long = "word, and\n".repeat(25_000);
    let text = format!("1,fig\n2,\"{long}\"\n3,\"{long}\"\"{long}\"\n4,plum\n").repeat(2);
    let report = whole(&spec, text.as_bytes()).expect("it is sound").report;
    for size in [70_000, 200_000, 333_333, 2_000_000] {
        let counted = count_in_chunks(&spec, text.as_bytes(), &[size], 0, 0, 3);
        let Tally { records, lines, .. } = counted.expect("it is sound");
        assert_eq!(
            (records, lines),
            (report.records, report.lines),
            "in chunks of {size}"
        );
    }
    // A quote too many: at its place, whatever was guessed.
    let wrong = format!("{text}5,\"{long}");
    let expected = whole(&spec, wrong.as_bytes()).expect_err("a quote is open");
    for size in [70_000, 333_333] {
        let found = count_in_chunks(&spec, wrong.as_bytes(), &[size], 0, 0, 3);
        let found = found.expect_err("a quote is open");
        assert!(same(&found, &expected), "{found}, not {expected}");
    }
}

/// Byte by byte from the start.
fn obvious_ends(spec: &PipelineSpec, text: &[u8]) -> Vec<usize> {
    let is_escape = |byte: u8| matches!(spec.framing, Framing::Escaped { escape } if escape == byte);
    let mut ends = Vec::new();
    let mut is_escaped = false;
    for (place, &byte) in text.iter().enumerate() {
        if is_escaped {
            is_escaped = false;
        } else if is_escape(byte) {
            is_escaped = true;
        } else if byte == b'\n' {
            ends.push(place + 1);
        }
    }
    ends
}

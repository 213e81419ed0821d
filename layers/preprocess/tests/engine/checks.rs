//! Records, headers, limits and quotes.

use std::num::NonZeroUsize;

use longshore_preprocess::{
    Encoding, Framing, Header, HeaderInOutput, InvalidBytes, LineEnding, OutputFormat, PipelineSpec,
    PrepareError, Split, Trailer, TrailerCount, UnlistedRecords,
};

use crate::drive::{copying, run, run_pieces};

const CSV: Framing = Framing::Quoted {
    quote: b'"',
    escape: None,
};

fn csv() -> PipelineSpec {
    PipelineSpec {
        framing: CSV,
        delimiter: Some(b','),
        ..copying()
    }
}

#[test]
fn an_empty_file_has_no_records_and_no_output() {
    let run = run(&copying(), b"").expect("an empty file is accepted");
    assert_eq!(
        (run.report.records, run.report.lines, run.report.line_ending),
        (0, 0, None)
    );
    assert!(run.outputs.is_empty());
}

#[test]
fn a_wrong_delimiter_is_told_before_what_comes_of_it() {
    let spec = PipelineSpec {
        delimiter: Some(b'|'),
        fields: NonZeroUsize::new(3),
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Keep,
        },
        trailer: Some(Trailer {
            count: Some(TrailerCount::AfterTag { tag: "T|".to_owned() }),
        }),
        ..copying()
    };
    let text = "id,name,amount\r\n\r\n1,plum,2\r\n2,fig,3\r\nT,2\r\n";
    let error = run(&spec, text.as_bytes()).expect_err("the delimiter is another one");
    assert_eq!(
        error.to_string(),
        "line 3, byte 18: expected 3 fields by '|', found 1; it looks like ',' (3 fields): correct the rule's delimiter, or ask the sender"
    );
    let spec = PipelineSpec {
        encoding: Encoding::Utf16Le,
        ..spec
    };
    let wide: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = run(&spec, &wide).expect_err("the delimiter is another one");
    assert!(
        error.to_string().contains("it looks like ',' (3 fields)"),
        "{error}"
    );
    let right = text.replace(',', "|");
    assert_eq!(
        run(
            &PipelineSpec {
                encoding: Encoding::Utf8,
                ..spec
            },
            right.as_bytes()
        )
        .expect("it is right")
        .report
        .records,
        2
    );
}

#[test]
fn the_first_data_record_alone_says_what_the_delimiter_is() {
    let spec = PipelineSpec {
        delimiter: Some(b'|'),
        fields: NonZeroUsize::new(2),
        ..copying()
    };
    let run = run(&spec, b"1|plum\n2,fig\n3,pear\n").expect("the others are COPY's to refuse");
    assert_eq!(run.report.records, 3);
}

#[test]
fn lines_are_counted_with_and_without_a_last_line_end() {
    for (text, records, output) in [
        ("a\nb\n", 2, "a\nb\n"),
        ("a\nb", 2, "a\nb\n"),
        ("a\r\nb\r\n", 2, "a\r\nb\r\n"),
        ("a\r\nb", 2, "a\r\nb\r\n"),
        ("a\r\nb\r", 2, "a\r\nb\r\n"),
        ("a", 1, "a\n"),
        ("a\rb\n", 1, "a\rb\n"),
    ] {
        let run = run(&copying(), text.as_bytes()).expect("every line is right");
        assert_eq!(run.report.records, records, "{text:?}");
        assert_eq!(run.report.lines, records, "{text:?}");
        assert_eq!(run.text(), output, "{text:?}");
    }
}

#[test]
fn blank_lines_are_counted_apart_and_never_written() {
    let run = run(&copying(), b"\na\n\r\n\n b\n \n\n").expect("blank lines are accepted");
    assert_eq!(
        (run.report.records, run.report.blank_records, run.report.lines),
        (3, 4, 7)
    );
    assert_eq!(run.text(), "a\n b\n \n");
    assert_eq!(run.outputs.len(), 1);
    assert_eq!(run.report.outputs[0].records, 3);
}

#[test]
fn the_line_ending_is_reported() {
    for (text, ending) in [
        ("a\nb\n", Some(LineEnding::Lf)),
        ("a\r\nb", Some(LineEnding::CrLf)),
        ("a\r\nb\n", Some(LineEnding::Mixed)),
        ("a", None),
        ("a\r", None),
    ] {
        assert_eq!(
            run(&copying(), text.as_bytes())
                .expect("it is text")
                .report
                .line_ending,
            ending,
            "{text:?}"
        );
    }
}

#[test]
fn a_header_is_read_and_dropped_or_kept() {
    let dropping = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Drop,
        },
        ..copying()
    };
    let keeping = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Keep,
        },
        ..copying()
    };
    let text = b"id|\"full name\"\r\n1|plum\r\n";
    let dropped = run(&dropping, text).expect("the file is right");
    assert_eq!(dropped.report.header[0].fields, ["id", "full name"]);
    assert_eq!(
        (dropped.report.records, dropped.text().as_str()),
        (1, "1|plum\r\n")
    );
    assert_eq!(
        run(&keeping, text).expect("the file is right").text(),
        "id|\"full name\"\r\n1|plum\r\n"
    );
}

#[test]
fn a_file_of_only_a_header_has_no_records_and_no_output() {
    let spec = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Keep,
        },
        ..copying()
    };
    for text in ["id|name\n", "id|name"] {
        let run = run(&spec, text.as_bytes()).expect("the file is right");
        assert_eq!(run.report.header[0].fields, ["id", "name"]);
        assert!(run.outputs.is_empty());
    }
    let demanding = PipelineSpec {
        minimum_records: 1,
        ..spec
    };
    let error = run(&demanding, b"id|name\n").expect_err("there are no records");
    assert_eq!(
        error.to_string(),
        "expected at least 1 data records, found none in 1 lines; ask the sender for a file with records"
    );
}

#[test]
fn fewer_records_than_the_minimum_are_an_error() {
    let spec = PipelineSpec {
        minimum_records: 3,
        ..copying()
    };
    assert!(run(&spec, b"a\nb\nc\n").is_ok());
    let error = run(&spec, b"a\nb\n\n").expect_err("two are not three");
    assert!(
        matches!(error, PrepareError::TooFewRecords { minimum: 3, found: 2 }),
        "{error}"
    );
}

#[test]
fn a_newline_inside_quotes_does_not_end_a_record() {
    let text = "1,\"a\nb\"\"\n\",x\n2,c\"d,\"\"\n\"\",3\n";
    let run = run(&csv(), text.as_bytes()).expect("the quotes are balanced");
    assert_eq!((run.report.records, run.report.lines), (3, 5));
    assert_eq!(run.text(), text);
}

#[test]
fn a_quote_that_is_not_the_first_of_a_field_is_a_character() {
    let run = run(&csv(), b"5\" pipe,6\"\nx,\"y\"z\"\n").expect("those quotes mean nothing");
    assert_eq!(run.report.records, 2);
}

#[test]
fn an_open_quote_is_placed_where_it_opened() {
    for text in ["a,b\nc,\"d\ne\nf\n", "a,b\nc,\"d\"\"", "a,b\nc,\""] {
        let error = run(&csv(), text.as_bytes()).expect_err("the quote is open");
        assert_eq!(
            error.to_string(),
            "line 2, byte 6: the quote opened here is never closed; close it, or double it if it is part of the text"
        );
    }
}

#[test]
fn an_escaped_newline_does_not_end_a_record() {
    let spec = PipelineSpec {
        framing: Framing::Escaped { escape: b'\\' },
        ..copying()
    };
    let text = "a\\\nb|c\nd\\\\\ne\n";
    let run = run(&spec, text.as_bytes()).expect("the escapes are right");
    assert_eq!(
        (run.report.records, run.report.lines, run.text().as_str()),
        (3, 4, text)
    );
}

#[test]
fn a_record_of_the_limit_passes_and_one_byte_more_does_not() {
    for end in ["\n", "\r\n", ""] {
        let spec = PipelineSpec {
            record_limit_bytes: 10,
            ..copying()
        };
        let longest = format!("ab\n{}{end}", "x".repeat(10));
        assert_eq!(
            run(&spec, longest.as_bytes())
                .expect("it is not too long")
                .report
                .records,
            2
        );
        let too_long = format!("ab\n{}{end}", "x".repeat(11));
        let error = run(&spec, too_long.as_bytes()).expect_err("it is too long");
        assert!(
            matches!(
                error,
                PrepareError::RecordTooLong {
                    line: 2,
                    byte: 3,
                    limit: 10
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_line_without_end_stops_at_the_limit_and_not_at_the_end_of_the_file() {
    let text = vec![b'x'; 5 * 1024 * 1024];
    let error = run_pieces(&PipelineSpec::default(), &text, &[64 * 1024]).expect_err("it is too long");
    assert!(
        matches!(
            error,
            PrepareError::RecordTooLong {
                line: 1,
                byte: 0,
                limit: 4_194_304
            }
        ),
        "{error}"
    );
}

#[test]
fn a_header_over_one_mebibyte_is_an_error() {
    let spec = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Drop,
        },
        ..copying()
    };
    let fits = format!("{}\n1\n", "h".repeat(1024 * 1024));
    assert_eq!(
        run_pieces(&spec, fits.as_bytes(), &[1000])
            .expect("it fits")
            .report
            .records,
        1
    );
    for end in ["\n1\n", ""] {
        let text = format!("{}{end}", "h".repeat(1024 * 1024 + 1));
        let error = run_pieces(&spec, text.as_bytes(), &[1000]).expect_err("it is too long");
        assert!(
            matches!(error, PrepareError::HeaderTooLong { line: 1, byte: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn records_go_to_the_longest_prefix_and_none_is_lost_unreported() {
    let split = Split {
        prefixes: vec!["D".to_owned(), "DT".to_owned(), "Q".to_owned()],
        unlisted: UnlistedRecords::Leave,
    };
    let spec = PipelineSpec {
        split: Some(split),
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Keep,
        },
        trailer: Some(Trailer::default()),
        ..copying()
    };
    let run = run(&spec, b"head\nDT1\nD1\nX1\nDT2\nX2\n\nTR\n\n").expect("the file is right");
    assert_eq!(run.report.records_by_prefix, [1, 2, 0]);
    assert_eq!(
        (
            run.report.records,
            run.report.unlisted.records,
            run.report.unlisted.first_line
        ),
        (5, 2, Some(4))
    );
    assert_eq!(
        (run.prefix(0).as_str(), run.prefix(1).as_str()),
        ("head\nD1\n", "head\nDT1\nDT2\n")
    );
    assert_eq!(run.outputs.len(), 2, "a prefix without records has no output");
}

#[test]
fn invalid_bytes_are_refused_with_their_place_or_let_through() {
    let text = b"plum\nf\xFFig\n";
    let error = run(&copying(), text).expect_err("0xFF is never UTF-8");
    assert_eq!(
        error.to_string(),
        "line 2, byte 6: expected UTF-8, found bytes that are not valid in it; correct the file's encoding or the rule's"
    );
    let accepting = PipelineSpec {
        invalid_bytes: InvalidBytes::Accept,
        ..copying()
    };
    let run = run(&accepting, text).expect("they are accepted");
    assert_eq!(run.outputs.into_values().next().expect("one output"), text);
}

#[test]
fn a_character_cut_by_the_end_of_the_file_is_invalid() {
    let error = run(&copying(), b"a\nb\xE2\x82").expect_err("the euro sign lacks a byte");
    assert!(
        matches!(error, PrepareError::InvalidEncoding { line: 2, byte: 3, .. }),
        "{error}"
    );
}

#[test]
fn the_fault_that_comes_first_is_the_one_reported() {
    let spec = PipelineSpec {
        record_limit_bytes: 4,
        ..copying()
    };
    let error = run(&spec, b"xxxxxxxx\n\xFF\n").expect_err("two faults");
    assert!(matches!(error, PrepareError::RecordTooLong { .. }), "{error}");
}

#[test]
fn opaque_files_are_passed_on_byte_for_byte() {
    let spec = PipelineSpec {
        framing: Framing::Opaque,
        output: Some(OutputFormat::default()),
        ..PipelineSpec::default()
    };
    let run = run(&spec, b"PAR1\xFF\xFE\n\n\0").expect("nothing is looked at");
    assert_eq!((run.report.records, run.report.bytes_decoded), (0, 9));
    assert_eq!(
        run.outputs.into_values().next().expect("one output"),
        b"PAR1\xFF\xFE\n\n\0"
    );
}

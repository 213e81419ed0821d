//! The trailer: stripped, read, and compared with what was counted.

use longshore_preprocess::{Header, HeaderInOutput, PipelineSpec, PrepareError, Trailer, TrailerCount};

use crate::drive::{copying, run};

fn at(position: &str) -> PipelineSpec {
    let count = TrailerCount::Position(position.parse().expect("the position is right"));
    PipelineSpec {
        trailer: Some(Trailer { count: Some(count) }),
        ..copying()
    }
}

fn after(tag: &str) -> PipelineSpec {
    PipelineSpec {
        trailer: Some(Trailer {
            count: Some(TrailerCount::AfterTag { tag: tag.to_owned() }),
        }),
        ..copying()
    }
}

#[test]
fn the_last_record_that_is_not_blank_is_stripped_and_read() {
    for text in [
        "1|a\n2|b\nTR0002",
        "1|a\n2|b\nTR0002\n",
        "1|a\n\n2|b\nTR0002\n\n\n",
        "1|a\n2|b\nTR0002\r",
    ] {
        let run = run(&at("3:7"), text.as_bytes()).expect("the count is right");
        let trailer = run.report.trailer.clone().expect("there is a trailer");
        assert_eq!(
            (trailer.text.as_str(), trailer.count),
            ("TR0002", Some(2)),
            "{text:?}"
        );
        assert_eq!(
            (run.report.records, run.text().as_str()),
            (2, "1|a\n2|b\n"),
            "{text:?}"
        );
    }
}

#[test]
fn a_trailer_of_a_crlf_file_is_stripped_with_its_end() {
    let run = run(&at("3:7"), b"1|a\r\n2|b\r\nTR0002\r\n").expect("the count is right");
    assert_eq!(run.text(), "1|a\r\n2|b\r\n");
}

#[test]
fn the_header_is_not_counted() {
    let spec = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Keep,
        },
        ..at("3:7")
    };
    let run = run(&spec, b"id|name\n1|a\nTR0001\n").expect("the count is right");
    assert_eq!((run.report.records, run.text().as_str()), (1, "id|name\n1|a\n"));
}

#[test]
fn a_wrong_count_names_both_numbers() {
    let error = run(&at("3:7"), b"1|a\n2|b\nTR0003\n").expect_err("there are two");
    assert_eq!(
        error.to_string(),
        "line 3, byte 8: the trailer says 3 records, the file has 2; ask the sender for the whole file"
    );
}

#[test]
fn a_trailer_that_says_zero_is_an_error_even_if_it_is_right_unless_a_file_may_have_no_records() {
    let demanding = PipelineSpec {
        minimum_records: 1,
        ..at("3:7")
    };
    for (spec, text, records) in [
        (&demanding, "TR0000\n", 0),
        (&demanding, "1|a\nTR0000\n", 1),
        (&at("3:7"), "1|a\nTR0000\n", 1),
    ] {
        let error = run(spec, text.as_bytes()).expect_err("zero is an error");
        assert!(
            matches!(error, PrepareError::TrailerSaysZero { found, .. } if found == records),
            "{error}"
        );
    }
    let run = run(&at("3:7"), b"TR0000\n").expect("the file is right");
    assert_eq!(run.report.records, 0);
}

#[test]
fn a_file_without_a_last_record_has_no_trailer() {
    let with_header = PipelineSpec {
        header: Header {
            records: 1,
            in_output: HeaderInOutput::Drop,
        },
        ..at("3:7")
    };
    for (spec, text) in [
        (at("3:7"), ""),
        (at("3:7"), "\n\r\n\n"),
        (with_header, "id|name\n"),
    ] {
        let error = run(&spec, text.as_bytes()).expect_err("there is no trailer");
        assert!(
            matches!(error, PrepareError::TrailerMissing { .. }),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn a_tag_must_begin_the_last_record() {
    assert_eq!(
        run(&after("TRL"), b"1|a\nTRL|| 0001|x\n")
            .expect("the count is right")
            .report
            .records,
        1
    );
    let error = run(&after("TRL"), b"1|a\n2|b\n").expect_err("the trailer was cut off");
    assert_eq!(
        error.to_string(),
        "line 2, byte 4: expected a trailer that begins with \"TRL\", found a record of 3 characters that does not; \
         the file may be cut short"
    );
}

#[test]
fn a_trailer_that_is_not_read_is_still_stripped() {
    let spec = PipelineSpec {
        trailer: Some(Trailer { count: None }),
        ..copying()
    };
    let run = run(&spec, b"1|a\nthe end\n").expect("nothing is compared");
    assert_eq!((run.report.records, run.text().as_str()), (1, "1|a\n"));
    assert_eq!(
        run.report
            .trailer
            .map(|trailer| (trailer.count, trailer.line, trailer.byte)),
        Some((None, 2, 4))
    );
}

#[test]
fn records_across_many_blocks_are_all_released_before_the_trailer() {
    let lines: Vec<_> = (0..40_000).map(|number| format!("{number}|plum\n")).collect();
    let body = lines.concat();
    let text = format!("{body}TR40000\n");
    let run = run(&at("3:8"), text.as_bytes()).expect("the count is right");
    assert!(run.text() == body, "the output is the body");
}

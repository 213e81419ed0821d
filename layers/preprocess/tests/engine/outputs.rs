//! What is written: parts, compression, refusals, and how much at once.

use std::io::Read;
use std::num::NonZeroU64;

use longshore_preprocess::{
    Discard, Header, HeaderInOutput, OUTPUT_BYTES_PER_PUSH, OutputCompression, OutputError, OutputFormat,
    OutputId, OutputKind, Outputs, Pipeline, PipelineSpec, PrepareError, Split, UnlistedRecords,
};

use crate::drive::{Watched, copying, run, run_pieces};

fn whole(part: u32) -> OutputId {
    OutputId {
        kind: OutputKind::Whole,
        part,
    }
}

fn in_parts(bytes: u64) -> PipelineSpec {
    let part_bytes = NonZeroU64::new(bytes);
    PipelineSpec {
        output: Some(OutputFormat {
            part_bytes,
            ..OutputFormat::default()
        }),
        ..copying()
    }
}

#[test]
fn parts_end_with_the_record_that_fills_them() {
    let run = run(&in_parts(8), b"1|plum\n2|fig\n3|pear\n4|quince|long\n5|x\n").expect("the file is right");
    let parts: Vec<_> = run
        .outputs
        .values()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert_eq!(parts, ["1|plum\n2|fig\n", "3|pear\n4|quince|long\n", "5|x\n"]);
    assert_eq!(run.finished, [whole(0), whole(1), whole(2)]);
    let records: Vec<_> = run.report.outputs.iter().map(|output| output.records).collect();
    assert_eq!(records, [2, 2, 1]);
}

#[test]
fn every_part_begins_with_the_header_if_it_is_kept() {
    let header = Header {
        records: 1,
        in_output: HeaderInOutput::Keep,
    };
    let run = run(
        &PipelineSpec {
            header,
            ..in_parts(4)
        },
        b"id\n1|a\n2|b\n",
    )
    .expect("the file is right");
    let parts: Vec<_> = run.outputs.into_values().collect();
    assert_eq!(parts, [b"id\n1|a\n", b"id\n2|b\n"]);
}

#[test]
fn a_part_is_finished_before_the_file_is() {
    let mut pipeline = Pipeline::new(in_parts(1)).expect("the specification makes sense");
    let mut last = None;
    struct Last<'a>(&'a mut Option<OutputId>);
    impl Outputs for Last<'_> {
        fn write(&mut self, _output: OutputId, _bytes: &[u8]) -> Result<(), OutputError> {
            Ok(())
        }
        fn finish(&mut self, output: OutputId) -> Result<(), OutputError> {
            *self.0 = Some(output);
            Ok(())
        }
    }
    pipeline
        .push_all(b"a\nb\n", &mut Last(&mut last))
        .expect("the file is right");
    assert_eq!(last, Some(whole(1)));
}

fn decompress(compression: OutputCompression, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match compression {
        OutputCompression::None => text.extend_from_slice(bytes),
        OutputCompression::Gzip { .. } => {
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut text)
                .map(drop)
                .expect("it is gzip");
        }
        OutputCompression::Bzip2 { .. } => {
            bzip2::read::BzDecoder::new(bytes)
                .read_to_end(&mut text)
                .map(drop)
                .expect("it is bzip2");
        }
        OutputCompression::Zstd { .. } => text = zstd::decode_all(bytes).expect("it is zstd"),
    }
    text
}

#[test]
fn every_compression_gives_back_the_records_and_the_same_bytes_again() {
    let text: String = (0..30_000)
        .map(|number| format!("{number}|{}\n", number * 7919 % 1009))
        .collect();
    for compression in [
        OutputCompression::None,
        OutputCompression::Gzip { level: 6 },
        OutputCompression::Gzip { level: 99 },
        OutputCompression::Bzip2 { level: 9 },
        OutputCompression::Zstd { level: 1 },
    ] {
        let output = Some(OutputFormat {
            compression,
            ..OutputFormat::default()
        });
        let spec = PipelineSpec { output, ..copying() };
        let run = run_pieces(&spec, text.as_bytes(), &[50_000]).expect("the file is right");
        let bytes = &run.outputs[&whole(0)];
        assert!(
            decompress(compression, bytes) == text.as_bytes(),
            "{compression:?}"
        );
        assert_eq!(run.report.outputs[0].bytes_written, bytes.len() as u64);
        assert_eq!(run.report.outputs[0].bytes_before_encoding, text.len() as u64);
        let again = run_pieces(&spec, text.as_bytes(), &[777]).expect("the file is right");
        assert!(
            again.outputs[&whole(0)] == *bytes,
            "{compression:?} depends on how the input was cut"
        );
    }
}

#[test]
fn a_push_stops_when_enough_was_handed_out() {
    let text = "0123456789abcde\n".repeat(1024 * 1024);
    let mut pipeline = Pipeline::new(copying()).expect("the specification makes sense");
    let mut outputs = Watched::default();
    let progress = pipeline
        .push(text.as_bytes(), &mut outputs)
        .expect("the file is right");
    assert!(progress.consumed < text.len());
    assert!(outputs.produced >= OUTPUT_BYTES_PER_PUSH);
    assert!(
        outputs.produced <= OUTPUT_BYTES_PER_PUSH + 128 * 1024,
        "{}",
        outputs.produced
    );
}

#[test]
fn many_record_types_side_by_side_are_all_told_apart() {
    let prefixes: Vec<_> = (0..500).map(|number| format!("{number:03}")).collect();
    let split = Split {
        prefixes,
        unlisted: UnlistedRecords::Leave,
    };
    let spec = PipelineSpec {
        split: Some(split),
        ..copying()
    };
    let text: String = (0..20_000)
        .map(|number| format!("{:03}|{number}\n", number % 500))
        .collect();
    let run = run_pieces(&spec, text.as_bytes(), &[10_000]).expect("the file is right");
    assert_eq!(run.report.records_by_prefix, vec![40; 500]);
    for (index, (id, bytes)) in run.outputs.iter().enumerate() {
        assert_eq!(id.kind, OutputKind::Prefix(index));
        assert!(
            bytes
                .split_inclusive(|&byte| byte == b'\n')
                .all(|line| line.starts_with(format!("{index:03}|").as_bytes()))
        );
    }
}

#[test]
fn a_refusal_of_the_caller_comes_back_as_the_source() {
    struct Full;
    impl Outputs for Full {
        fn write(&mut self, _output: OutputId, _bytes: &[u8]) -> Result<(), OutputError> {
            Err(OutputError::new("the upload was aborted"))
        }
        fn finish(&mut self, _output: OutputId) -> Result<(), OutputError> {
            Ok(())
        }
    }
    let mut pipeline = Pipeline::new(copying()).expect("the specification makes sense");
    pipeline.push_all(b"a\n", &mut Full).expect("it is buffered");
    let error = pipeline.finish(&mut Full).expect_err("nothing can be written");
    assert!(matches!(error, PrepareError::OutputRefused { .. }));
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(
        (error.to_string().as_str(), source.as_deref()),
        ("could not write output part 0", Some("the upload was aborted"))
    );
}

#[test]
fn without_an_output_nothing_is_handed_out() {
    let spec = PipelineSpec {
        output: None,
        ..copying()
    };
    let mut pipeline = Pipeline::new(spec).expect("the specification makes sense");
    pipeline
        .push_all(b"a\nb\n", &mut Discard)
        .expect("the file is right");
    let report = pipeline.finish(&mut Discard).expect("the file is right");
    assert_eq!((report.records, report.outputs.len()), (2, 0));
}

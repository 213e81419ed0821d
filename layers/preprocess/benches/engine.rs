//! How fast the engine finds, counts and splits records, beside what memchr alone reaches on the same bytes: `make bench-micro`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot arrange its input fails")]

use std::io::Write;
use std::num::NonZeroUsize;

use divan::Bencher;
use divan::counter::BytesCount;
use longshore_preprocess::{
    Compression, Decoder, Discard, Framing, OutputCompression, OutputFormat, Pipeline, PipelineSpec, Report,
    Split, Trailer, UnlistedRecords,
};

const SAMPLE_BYTES: usize = 1024 * 1024;

fn main() {
    divan::main();
}

#[divan::bench]
fn memchr_alone(bencher: Bencher<'_, '_>) {
    let sample = delimited();
    bencher
        .counter(BytesCount::of_slice(&sample))
        .bench(|| memchr::memchr_iter(b'\n', divan::black_box(&sample)).count());
}

/// Records in lines.
mod lines {
    use super::*;

    #[divan::bench]
    fn counted(bencher: Bencher<'_, '_>) {
        run(bencher, &delimited(), &of_lines());
    }

    #[divan::bench]
    fn before_a_trailer(bencher: Bencher<'_, '_>) {
        let trailer = Some(Trailer::default());
        run(
            bencher,
            &delimited(),
            &PipelineSpec {
                trailer,
                ..of_lines()
            },
        );
    }

    #[divan::bench]
    fn trailer_taken_off(bencher: Bencher<'_, '_>) {
        let trailer = Some(Trailer::default());
        run(bencher, &delimited(), &PipelineSpec { trailer, ..written() });
    }

    #[divan::bench]
    fn written_as_gzip(bencher: Bencher<'_, '_>) {
        compressed(bencher, OutputCompression::Gzip { level: 1 });
    }

    #[divan::bench]
    fn written_as_zstd(bencher: Bencher<'_, '_>) {
        compressed(bencher, OutputCompression::Zstd { level: 1 });
    }

    fn compressed(bencher: Bencher<'_, '_>, compression: OutputCompression) {
        let output = Some(OutputFormat {
            compression,
            ..OutputFormat::default()
        });
        run(bencher, &delimited(), &PipelineSpec { output, ..of_lines() });
    }
}

/// Records in which a line end may be data.
mod quoting {
    use super::*;

    #[divan::bench]
    fn csv_without_quotes(bencher: Bencher<'_, '_>) {
        run(bencher, &delimited(), &of_csv());
    }

    #[divan::bench]
    fn csv_with_newlines_in_quotes(bencher: Bencher<'_, '_>) {
        run(bencher, &quoted(), &of_csv());
    }

    #[divan::bench]
    fn escaped_by_backslash(bencher: Bencher<'_, '_>) {
        let framing = Framing::Escaped { escape: b'\\' };
        run(
            bencher,
            &delimited(),
            &PipelineSpec {
                framing,
                ..of_lines()
            },
        );
    }

    fn of_csv() -> PipelineSpec {
        let framing = Framing::Quoted {
            quote: b'"',
            escape: None,
        };
        PipelineSpec {
            framing,
            ..of_lines()
        }
    }
}

/// Records of fixed width, whose first two characters are their type.
#[divan::bench(args = [4, 99])]
fn fixed_width_split_by_type(bencher: Bencher<'_, '_>, types: usize) {
    let prefixes = (0..types).map(|number| format!("{number:02}")).collect();
    let split = Some(Split {
        prefixes,
        unlisted: UnlistedRecords::Write,
    });
    let spec = PipelineSpec {
        delimiter: None,
        split,
        ..written()
    };
    run(bencher, &typed(types), &spec);
}

/// Thirty-two blocks of 900,000 bytes.
#[divan::bench(args = [1, 2], sample_count = 5)]
fn bzip2_by_threads(bencher: Bencher<'_, '_>, threads: usize) {
    let text = delimited().repeat(28);
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(&text).unwrap();
    let bytes = encoder.finish().unwrap();
    let threads = NonZeroUsize::new(threads).unwrap();
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let mut decoder = Decoder::new(Compression::Bzip2, threads);
        decoder.decode(&bytes, drop).unwrap();
        decoder.finish(drop).unwrap()
    });
}

fn of_lines() -> PipelineSpec {
    PipelineSpec {
        delimiter: Some(b'|'),
        ..PipelineSpec::default()
    }
}

fn written() -> PipelineSpec {
    PipelineSpec {
        output: Some(OutputFormat::default()),
        ..of_lines()
    }
}

fn run(bencher: Bencher<'_, '_>, sample: &[u8], spec: &PipelineSpec) {
    bencher
        .counter(BytesCount::of_slice(sample))
        .bench(|| pass(sample, spec));
}

fn pass(sample: &[u8], spec: &PipelineSpec) -> Report {
    let mut pipeline = Pipeline::new(spec.clone()).unwrap();
    pipeline.push_all(divan::black_box(sample), &mut Discard).unwrap();
    pipeline.finish(&mut Discard).unwrap()
}

/// Lines of some 100 bytes.
fn delimited() -> Vec<u8> {
    sample(|number| {
        format!(
            "{number:020}|plum and pear|2026-11-21|{:>w$}|end\n",
            "x",
            w = 20 + (number % 60) as usize
        )
    })
}

/// One record in four has line ends and doubled quotes within quotes.
fn quoted() -> Vec<u8> {
    sample(|number| match number % 4 {
        0 => format!("{number:020}|\"two\nlines, one \"\"quoted\"\"\"|end\n"),
        _ => format!("{number:020}|plum and pear, not quoted|end\n"),
    })
}

fn typed(types: usize) -> Vec<u8> {
    sample(|number| {
        format!(
            "{:02}{number:020}{:<78}\n",
            number as usize % types,
            "plum and pear"
        )
    })
}

fn sample(record: impl Fn(u64) -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(SAMPLE_BYTES + 128);
    let mut number = 1u64;
    while text.len() < SAMPLE_BYTES {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.extend_from_slice(record(number >> 8).as_bytes());
    }
    text
}

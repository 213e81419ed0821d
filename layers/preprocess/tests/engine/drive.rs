//! Drives a pipeline over an input that is cut in different ways.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use longshore_preprocess::{
    BLOCK_BYTES, Compression, Decoder, Memory, OUTPUT_BYTES_PER_PUSH, OutputError, OutputFormat, OutputId,
    OutputKind, Outputs, Pipeline, PipelineSpec, PrepareError, Report,
};

/// What came of one run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) report: Report,
    pub(crate) outputs: BTreeMap<OutputId, Vec<u8>>,
    pub(crate) finished: Vec<OutputId>,
}

impl Run {
    /// The only output as text; empty if there is none.
    pub(crate) fn text(&self) -> String {
        assert!(
            self.outputs.len() <= 1,
            "more than one output: {:?}",
            self.outputs.keys()
        );
        self.outputs
            .values()
            .next()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    /// The first part of a prefix as text.
    pub(crate) fn prefix(&self, index: usize) -> String {
        let id = OutputId {
            kind: OutputKind::Prefix(index),
            part: 0,
        };
        self.outputs
            .get(&id)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Outputs that check the promises made to the caller.
#[derive(Default)]
pub(crate) struct Watched {
    memory: Memory,
    finished: Vec<OutputId>,
    pub(crate) produced: usize,
}

impl Outputs for Watched {
    fn write(&mut self, output: OutputId, bytes: &[u8]) -> Result<(), OutputError> {
        assert!(
            !bytes.is_empty() && bytes.len() <= BLOCK_BYTES,
            "a block of {} bytes",
            bytes.len()
        );
        assert!(
            !self.finished.contains(&output),
            "{output} was written after its end"
        );
        self.produced += bytes.len();
        self.memory.write(output, bytes)
    }

    fn finish(&mut self, output: OutputId) -> Result<(), OutputError> {
        assert!(
            self.memory.all().contains_key(&output),
            "{output} ended before it began"
        );
        self.finished.push(output);
        Ok(())
    }
}

/// Pushes pieces of the given sizes in turn, the last size repeated.
pub(crate) fn run_pieces(spec: &PipelineSpec, input: &[u8], sizes: &[usize]) -> Result<Run, PrepareError> {
    let mut pipeline = Pipeline::new(spec.clone()).expect("the specification makes sense");
    let mut outputs = Watched::default();
    let mut sizes = sizes.iter().copied();
    let mut size = input.len().max(1);
    let mut rest = input;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).max(1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        push_piece(&mut pipeline, piece, &mut outputs)?;
        rest = after;
    }
    let report = pipeline.finish(&mut outputs)?;
    assert_eq!(
        outputs.finished.len(),
        outputs.memory.all().len(),
        "every output is finished once"
    );
    Ok(Run {
        report,
        outputs: outputs.memory.all().clone(),
        finished: outputs.finished,
    })
}

fn push_piece(pipeline: &mut Pipeline, piece: &[u8], outputs: &mut Watched) -> Result<(), PrepareError> {
    let mut rest = piece;
    loop {
        outputs.produced = 0;
        let progress = pipeline.push(rest, outputs)?;
        assert!(
            outputs.produced < OUTPUT_BYTES_PER_PUSH + 4 * BLOCK_BYTES,
            "a push gave {}",
            outputs.produced
        );
        rest = &rest[progress.consumed..];
        if rest.is_empty() && !progress.pending {
            return Ok(());
        }
    }
}

/// The same with the decoder apart from the pipeline, and with threads of its own where there is more than one.
pub(crate) fn run_decoded(
    spec: &PipelineSpec,
    threads: usize,
    input: &[u8],
    sizes: &[usize],
) -> Result<Run, PrepareError> {
    let threads = NonZeroUsize::new(threads).expect("there is a thread");
    let mut decoder = Decoder::new(spec.compression, threads);
    let mut pieces = Vec::new();
    let mut sizes = sizes.iter().copied();
    let mut size = input.len().max(1);
    let mut rest = input;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).max(1);
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        decoder.decode(chunk, |piece| pieces.push(piece))?;
        rest = after;
    }
    let bytes_read = decoder.finish(|piece| pieces.push(piece))?;
    let most = Decoder::PIECE_BYTES + BLOCK_BYTES;
    assert!(
        pieces.iter().all(|piece| (1..=most).contains(&piece.len())),
        "pieces have a length"
    );
    let spec = PipelineSpec {
        compression: Compression::None,
        ..spec.clone()
    };
    let sizes: Vec<_> = pieces.iter().map(Vec::len).collect();
    let run = run_pieces(&spec, &pieces.concat(), &sizes)?;
    let report = Report {
        bytes_read,
        ..run.report
    };
    Ok(Run { report, ..run })
}

/// Runs the input whole, in single bytes, and decoded before; all must come to the same.
pub(crate) fn run(spec: &PipelineSpec, input: &[u8]) -> Result<Run, PrepareError> {
    let whole = run_pieces(spec, input, &[input.len()]);
    let single = run_pieces(spec, input, &[1]);
    assert_same(&whole, &single);
    if spec.compression != Compression::None {
        assert_same(&whole, &run_decoded(spec, 1, input, &[input.len()]));
        assert_same(&whole, &run_decoded(spec, 1, input, &[3]));
    }
    whole
}

/// Demands that two runs agree in everything but the order in which outputs ended.
pub(crate) fn assert_same(left: &Result<Run, PrepareError>, right: &Result<Run, PrepareError>) {
    match (left, right) {
        (Ok(left), Ok(right)) => {
            assert_eq!(left.report, right.report);
            assert!(left.outputs == right.outputs, "outputs differ");
            assert_eq!(left.finished, right.finished);
        }
        (Err(left), Err(right)) => assert_eq!(left.to_string(), right.to_string()),
        (left, right) => panic!("one failed: {left:?} and {right:?}"),
    }
}

/// A specification that writes everything to one output.
pub(crate) fn copying() -> PipelineSpec {
    PipelineSpec {
        output: Some(OutputFormat::default()),
        delimiter: Some(b'|'),
        ..PipelineSpec::default()
    }
}

//! How much a compressed file expands, by its beginning.

use futures_util::StreamExt as _;
use longshore_preprocess::{OutputError, OutputFormat, OutputId, Outputs, Pipeline, PipelineSpec};

use super::pass::Stop;
use crate::AppError;
use crate::ports::ObjectBody;

/// So much of a compressed file tells it.
const SAMPLE_BYTES: u64 = 4 * 1024 * 1024;

/// How many bytes come of one.
pub(super) async fn of(mut body: ObjectBody, spec: &PipelineSpec) -> Result<f64, Stop> {
    let spec = PipelineSpec {
        trailer: None,
        split: None,
        minimum_records: 0,
        output: Some(OutputFormat::default()),
        ..spec.clone()
    };
    let mut pipeline = Pipeline::new(spec).map_err(|error| AppError::Engine(error.into()))?;
    let mut length = Length::default();
    let mut read_bytes = 0;
    while let Some(chunk) = body.chunks.next().await {
        let chunk = chunk?;
        read_bytes += chunk.len() as u64;
        pipeline.push_all(&chunk, &mut length)?;
        if read_bytes >= SAMPLE_BYTES {
            break;
        }
    }
    Ok((length.0.max(1) as f64 / read_bytes.max(1) as f64).max(1.0))
}

/// Counts what is written and keeps none of it.
#[derive(Default)]
struct Length(u64);

impl Outputs for Length {
    fn write(&mut self, _: OutputId, bytes: &[u8]) -> Result<(), OutputError> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, _: OutputId) -> Result<(), OutputError> {
        Ok(())
    }
}

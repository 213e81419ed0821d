//! Looking at the few places of a long file that decide where it is cut.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use longshore_domain::object::Object;
use longshore_preprocess::{
    Head, LocalEnds, PipelineSpec, PrepareError, RECORD_LIMIT_BYTES, Tail, check_first_record,
};

use super::pass::Stop;
use crate::config::RangeLimits;
use crate::ports::ObjectStore;

/// A window that found nothing grows so many times.
const GROWTH: u64 = 8;
/// As far as a record may reach, and its line end with the byte before it.
const FARTHEST_BYTES: u64 = RECORD_LIMIT_BYTES as u64 + 3;

/// One file, and how it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) objects: &'a dyn ObjectStore,
    pub(super) limits: &'a RangeLimits,
    pub(super) source: &'a Object,
    pub(super) spec: &'a PipelineSpec,
}

impl Places<'_> {
    /// The byte order mark and the header. `None` when there is no header that ends within what a header may have: a pass over
    /// the file says what is wrong with it. `start` holds its first bytes if they were read already.
    pub(super) async fn head(&self, start: Option<Bytes>) -> Result<Option<Head>, Stop> {
        let mut window = start.map(BytesMut::from).unwrap_or_default();
        let mut wanted = self.limits.window_bytes;
        loop {
            let to = wanted.min(self.source.size_bytes);
            if to > window.len() as u64 {
                let more = self
                    .objects
                    .read_range(self.source, window.len() as u64..to)
                    .await?;
                window.extend_from_slice(&more);
            }
            let found = Head::read(self.spec, &window);
            if let Some(head) = &found {
                let data = &window[usize::try_from(head.data_from).unwrap_or(window.len())..];
                check_first_record(self.spec, data, 1 + head.header_lines, head.data_from)?;
            }
            if found.is_some() || to == self.source.size_bytes || to >= FARTHEST_BYTES {
                return Ok(found);
            }
            wanted = (wanted * GROWTH).min(FARTHEST_BYTES);
        }
    }

    /// The last data record's end and the trailer, of the data that begin at `data_from`. `None` when they do not lie within the
    /// last bytes that a trailer and a record may have.
    pub(super) async fn tail(&self, data_from: u64) -> Result<Option<Tail>, Stop> {
        let size = self.source.size_bytes;
        let mut from = size;
        let mut window = Bytes::new();
        let mut wanted = self.limits.window_bytes;
        loop {
            let begin = size.saturating_sub(wanted).max(data_from);
            if begin < from {
                let more = self.objects.read_range(self.source, begin..from).await?;
                window = Bytes::from([more, window].concat());
                from = begin;
            }
            let is_start = from == data_from;
            let found = Tail::read(self.spec, &window, from, is_start);
            if found.is_some() || is_start || wanted >= 2 * FARTHEST_BYTES {
                return Ok(found);
            }
            wanted = (wanted * GROWTH).min(2 * FARTHEST_BYTES);
        }
    }

    /// Cuts a stretch that begins and ends with whole records into so many of about the same length: where each begins and ends.
    /// There are fewer when records are longer than that.
    pub(super) async fn cuts(
        &self,
        ends: LocalEnds,
        stretch: std::ops::Range<u64>,
        parts: u32,
    ) -> Result<Vec<std::ops::Range<u64>>, Stop> {
        let length = u128::from(stretch.end - stretch.start);
        let nominal = (1..parts).map(|part| {
            let offset = length * u128::from(part) / u128::from(parts);
            stretch.start + u64::try_from(offset).unwrap_or_default()
        });
        // All at once as far as the limits go: none depends on another.
        let mut edges: Vec<u64> = iter(nominal)
            .map(|place| self.record_end(ends, place.max(stretch.start + 1), stretch.end))
            .buffered(self.limits.chunks_in_flight)
            .try_collect()
            .await?;
        edges.insert(0, stretch.start);
        edges.push(stretch.end);
        edges.dedup();
        Ok(edges.windows(2).map(|pair| pair[0]..pair[1]).collect())
    }

    /// The first record end at or after a place.
    async fn record_end(&self, ends: LocalEnds, place: u64, end: u64) -> Result<u64, Stop> {
        // A record that ends just there ends with the byte before it.
        let from = place - 1;
        let mut window = BytesMut::new();
        let mut wanted = self.limits.window_bytes;
        loop {
            let to = (from + wanted).min(end);
            let more = self
                .objects
                .read_range(self.source, from + window.len() as u64..to)
                .await?;
            window.extend_from_slice(&more);
            if let Some(found) = ends.first(&window, false) {
                return Ok(from + found as u64);
            }
            if to == end {
                return Ok(end);
            }
            if wanted >= FARTHEST_BYTES {
                return Err(PrepareError::RecordEndMissing {
                    byte: place,
                    limit: RECORD_LIMIT_BYTES,
                }
                .into());
            }
            wanted = (wanted * GROWTH).min(FARTHEST_BYTES);
        }
    }
}

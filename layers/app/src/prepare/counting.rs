//! Counting a long file by ranges: several are on their way at once, each is scanned as its bytes come, and the results are joined
//! in order. Nothing is collected but the ends of records that two ranges share. What is counted can be noted and taken up again.

use std::ops::Range;

use futures_util::stream::{StreamExt, iter};
use longshore_preprocess::{ChunkScan, Head, Joined, RecordCounter, ScannedChunk, Tally, TallyJoin};

use super::pass::Stop;
use super::places::Places;

/// What came of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// All of it.
    Whole(Tally),
    /// The first part of it: it was told to stop.
    Partly(Tally),
}

/// Counts the records of a text that lies behind a head, from where `so_far` ends. `must_stop` is asked after each chunk, with what is counted by
/// then.
pub(super) async fn count(
    places: &Places<'_>,
    counter: RecordCounter,
    head: &Head,
    text: Range<u64>,
    so_far: Tally,
    must_stop: impl Fn(&Tally) -> bool,
) -> Result<Counted, Stop> {
    let begin = text.start + so_far.bytes;
    let scans = iter(chunks(begin..text.end, places.limits.chunk_bytes)).map(|range| {
        let counter = &counter;
        async move {
            let scan = counter.scan(range.start == begin);
            let scanned = scan_range(places, scan, range.clone()).await?;
            Ok::<_, Stop>((range, scanned))
        }
    });
    let mut join = TallyJoin::new(counter.clone(), head.header_lines, head.data_from, so_far);
    let mut scanned = scans.buffered(places.limits.chunks_in_flight);
    while let Some(chunk) = scanned.next().await {
        let (range, chunk) = chunk?;
        if let Joined::Misread { from } = join.join(chunk)? {
            let rest = range.start + from..range.end;
            let again = scan_range(places, join.again(), rest).await?;
            let joined = join.join(again)?;
            debug_assert_eq!(joined, Joined::Taken, "it begins with a record");
        }
        if must_stop(&join.tally()) {
            return Ok(Counted::Partly(join.tally()));
        }
    }
    Ok(Counted::Whole(join.finish()?))
}

async fn scan_range(
    places: &Places<'_>,
    mut scan: ChunkScan<'_>,
    range: Range<u64>,
) -> Result<ScannedChunk, Stop> {
    let mut bytes = places.objects.stream_range(places.source, range);
    while let Some(block) = bytes.next().await {
        scan.take(&block?);
    }
    Ok(scan.finish())
}

/// A stretch in pieces of a size.
fn chunks(stretch: Range<u64>, bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let count = (stretch.end - stretch.start).div_ceil(bytes);
    (0..count).map(move |index| {
        let from = stretch.start + index * bytes;
        from..(from + bytes).min(stretch.end)
    })
}

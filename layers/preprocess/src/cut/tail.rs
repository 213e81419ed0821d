//! What a file ends with.

use memchr::memchr;

use crate::cut::LocalEnds;
use crate::cut::ends::ChunkEnds;
use crate::error::PrepareError;
use crate::framer::Position;
use crate::spec::PipelineSpec;
use crate::trailer::verify_count;

/// The last data record's end, and the trailer behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Just after the last data record with its line end.
    pub data_to: u64,
    /// Whether that record has a line end.
    pub ends_in_line_end: bool,
    /// Blank records between the last data record and the trailer or the file's end.
    pub blank_records: u64,
    /// The trailer, where one was asked for.
    pub trailer: Option<TailTrailer>,
}

/// A trailer that was found without the records before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailTrailer {
    /// Its first byte.
    pub byte: u64,
    /// Its text without the line end.
    text: String,
}

/// One record that is not blank.
#[derive(Clone, Copy)]
struct Seen {
    from: usize,
    content_to: usize,
    to: usize,
    /// Blank records after it, up to the next one that is not.
    blank_after: u64,
}

impl Tail {
    /// Reads the last bytes of a file, which begin at its byte `offset`, or with a record if `is_start`. `None` when the last
    /// data record, or the trailer and the data record before it, do not lie among them whole.
    ///
    /// In CSV the last line is taken for the last record. It is, unless it begins within quotes: then counting what lies before it
    /// ends in [`PrepareError::UnbalancedQuotes`].
    pub fn read(spec: &PipelineSpec, window: &[u8], offset: u64, is_start: bool) -> Option<Self> {
        let (ends, quote) = match ChunkEnds::of(spec)? {
            ChunkEnds::Local(ends) => (ends, None),
            ChunkEnds::Quoted(quoting) => (LocalEnds::of_lines(), Some(quoting.quote)),
        };
        let begin = if is_start { 0 } else { ends.first(window, false)? };
        let (before_last, last) = last_two(ends, window, begin);
        let at = |place: usize| offset + place as u64;
        let (data, trailer) = match &spec.trailer {
            None => (last?, None),
            Some(_) => (before_last?, last),
        };
        // What a trailer's own quotes do to it is left to a pipeline.
        let has_quote = |trailer: &Seen| {
            quote.is_some_and(|quote| memchr(quote, &window[trailer.from..trailer.to]).is_some())
        };
        if trailer.as_ref().is_some_and(has_quote) {
            return None;
        }
        let trailer = trailer.map(|trailer| TailTrailer {
            byte: at(trailer.from),
            text: spec
                .encoding
                .decode_lossy(&window[trailer.from..trailer.content_to]),
        });
        Some(Self {
            data_to: at(data.to),
            ends_in_line_end: window[data.from..data.to].ends_with(b"\n") && data.to > data.content_to,
            blank_records: data.blank_after,
            trailer,
        })
    }
}

/// The last two records of a window that are not blank.
fn last_two(ends: LocalEnds, window: &[u8], begin: usize) -> (Option<Seen>, Option<Seen>) {
    let (mut before_last, mut last): (Option<Seen>, Option<Seen>) = (None, None);
    let mut from = begin;
    while from < window.len() {
        let end = ends.next(&window[from..], 0, true).map(|end| from + end);
        let to = end.unwrap_or(window.len());
        let content_to = from + content(&window[from..to], end.is_some()).len();
        if content_to == from {
            if let Some(last) = &mut last {
                last.blank_after += 1;
            }
        } else {
            before_last = last.replace(Seen {
                from,
                content_to,
                to,
                blank_after: 0,
            });
        }
        from = to;
    }
    (before_last, last)
}

/// A record without its line end; the carriage return before a line end belongs to it.
fn content(record: &[u8], has_end: bool) -> &[u8] {
    let line = if has_end {
        &record[..record.len() - 1]
    } else {
        record
    };
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl TailTrailer {
    /// The count that it declares, and whether `records` are as many; `line` is its physical line.
    ///
    /// # Errors
    /// What a pipeline says of such a trailer.
    pub fn verify(&self, spec: &PipelineSpec, line: u64, records: u64) -> Result<(), PrepareError> {
        let at = Position {
            line,
            byte: self.byte,
        };
        match spec.trailer.as_ref().and_then(|trailer| trailer.count.as_ref()) {
            None => Ok(()),
            Some(place) => {
                let expected = place.read(&self.text, at, spec.delimiter)?;
                verify_count(expected, records, spec.minimum_records, at)
            }
        }
    }

    /// The count that it declares, unless it is none that a file can have: then its place must be told, which takes the lines
    /// before it.
    pub fn declared(&self, spec: &PipelineSpec) -> Option<u64> {
        let at = Position {
            line: 0,
            byte: self.byte,
        };
        let place = spec.trailer.as_ref()?.count.as_ref()?;
        let count = place.read(&self.text, at, spec.delimiter);
        count.ok().filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trailer::{Trailer, TrailerCount};

    fn spec(has_trailer: bool) -> PipelineSpec {
        let count = Some(TrailerCount::AfterTag { tag: "T".to_owned() });
        PipelineSpec {
            delimiter: Some(b'|'),
            trailer: has_trailer.then_some(Trailer { count }),
            ..PipelineSpec::default()
        }
    }

    #[test]
    fn a_trailer_and_the_blanks_around_it_are_told_from_the_data() {
        let tail = Tail::read(&spec(true), b"um\n2|fig\r\n\nT|0002\n\n", 100, false).unwrap();
        assert_eq!((tail.data_to, tail.blank_records), (110, 1));
        assert!(tail.ends_in_line_end);
        let trailer = tail.trailer.unwrap();
        assert_eq!((trailer.byte, trailer.declared(&spec(true))), (111, Some(2)));
        assert_eq!(
            trailer.verify(&spec(true), 9, 3).unwrap_err().to_string(),
            "line 9, byte 111: the trailer says 2 records, the file has 3; ask the sender for the whole file"
        );
    }

    #[test]
    fn a_window_without_the_record_before_the_trailer_says_nothing() {
        assert_eq!(Tail::read(&spec(true), b"um\nT|2\n", 100, false), None);
        assert_eq!(Tail::read(&spec(true), b"T|2\n", 100, true), None);
        assert_eq!(Tail::read(&spec(false), b"um", 100, false), None);
    }

    #[test]
    fn a_last_record_may_lack_its_line_end() {
        let tail = Tail::read(&spec(false), b"1|plum\n2|fig", 0, true).unwrap();
        assert_eq!((tail.data_to, tail.ends_in_line_end), (12, false));
    }
}

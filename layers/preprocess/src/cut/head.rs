//! What a file begins with.

use crate::cut::ends::ChunkEnds;
use crate::framer::Framer;
use crate::header::read_header;
use crate::report::HeaderRecord;
use crate::spec::{HEADER_LIMIT_BYTES, PipelineSpec};
use crate::unit::Unit;

/// The byte order mark and the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the byte order mark; 0 if there is none.
    pub mark_bytes: u64,
    /// The header records.
    pub header: Vec<HeaderRecord>,
    /// Physical lines of the header.
    pub header_lines: u64,
    /// Where the first data record begins.
    pub data_from: u64,
}

impl Head {
    /// Reads the first bytes of a file. `None` when the header does not end among them, or is none that a pipeline takes.
    pub fn read(spec: &PipelineSpec, start: &[u8]) -> Option<Self> {
        ChunkEnds::of(spec)?;
        let mark_bytes = spec.encoding.resolve(start)?.mark_bytes;
        let text = &start[mark_bytes..];
        let mut header = Vec::new();
        let mut from = 0;
        let mut framer = Framer::new(Unit::One, spec.framing, spec.delimiter);
        for _ in 0..spec.header.records {
            let end = framer.next_end(text, from, 0)?;
            let line = &text[from..end - 1];
            let content = line.strip_suffix(b"\r").unwrap_or(line);
            let record = read_header(spec.encoding.decode_lossy(content), spec.delimiter, spec.framing);
            header.push(record);
            from = end;
        }
        let header_lines = memchr::memchr_iter(b'\n', &text[..from]).count() as u64;
        (from <= HEADER_LIMIT_BYTES).then_some(Self {
            mark_bytes: mark_bytes as u64,
            header,
            header_lines,
            data_from: (mark_bytes + from) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Header;

    fn spec(records: u32) -> PipelineSpec {
        PipelineSpec {
            delimiter: Some(b'|'),
            header: Header {
                records,
                ..Header::default()
            },
            ..PipelineSpec::default()
        }
    }

    #[test]
    fn the_mark_and_the_header_are_told_from_the_data() {
        let head = Head::read(&spec(1), b"\xEF\xBB\xBFid|name\r\n1|plum\n").unwrap();
        assert_eq!((head.mark_bytes, head.data_from, head.header_lines), (3, 12, 1));
        assert_eq!(head.header[0].fields, ["id", "name"]);
    }

    #[test]
    fn a_header_that_does_not_end_is_none() {
        assert_eq!(Head::read(&spec(2), b"id|name\nint|te"), None);
    }
}

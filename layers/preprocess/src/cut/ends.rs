//! Record ends that are told on the spot.

use memchr::{memchr, memchr_iter, memchr2_iter, memrchr};

use crate::compression::Compression;
use crate::encoding::Encoding;
use crate::pipeline::BLOCK_BYTES;
use crate::spec::{Framing, PipelineSpec};
use crate::sweep::Quoting;

/// Tells record ends by the bytes around them.
///
/// ```
/// use longshore_preprocess::{LocalEnds, PipelineSpec};
///
/// let ends = LocalEnds::of(&PipelineSpec::default()).expect("lines end where they seem to");
/// assert_eq!(ends.first(b"lum\n2|fig\n3|p", false), Some(4));
/// assert_eq!(ends.last(b"lum\n2|fig\n3|p", false), Some(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalEnds {
    /// The character that takes the meaning from a line end after it.
    escape: Option<u8>,
}

impl LocalEnds {
    /// `None` when a record's end depends on everything before it, or shows only in decompressed text.
    pub fn of(spec: &PipelineSpec) -> Option<Self> {
        let is_plain = spec.compression == Compression::None;
        let is_one_byte = matches!(spec.encoding, Encoding::Utf8 | Encoding::Iso88591);
        if !is_plain || !is_one_byte {
            return None;
        }
        match spec.framing {
            Framing::Lines => Some(Self { escape: None }),
            Framing::Escaped { escape } => Some(Self { escape: Some(escape) }),
            Framing::Quoted { .. } | Framing::Opaque => None,
        }
    }

    /// Every line end ends a record.
    pub(crate) fn of_lines() -> Self {
        Self { escape: None }
    }

    /// Just after the first record end that the window shows beyond doubt. Doubt is possible at one line end at most: the one
    /// that only escapes lie before, unless the window begins with a record (`is_start`).
    pub fn first(self, window: &[u8], is_start: bool) -> Option<usize> {
        self.next(window, 0, is_start)
    }

    /// Just after the last record end that the window shows beyond doubt.
    pub fn last(self, window: &[u8], is_start: bool) -> Option<usize> {
        let mut until = window.len();
        while let Some(newline) = memrchr(b'\n', &window[..until]) {
            if self.is_end(window, newline, is_start) {
                return Some(newline + 1);
            }
            until = newline;
        }
        None
    }

    /// Just after the first record end at or after `from`.
    pub(crate) fn next(self, window: &[u8], from: usize, is_start: bool) -> Option<usize> {
        let mut from = from;
        loop {
            let newline = from + memchr(b'\n', window.get(from..)?)?;
            if self.is_end(window, newline, is_start) {
                return Some(newline + 1);
            }
            from = newline + 1;
        }
    }

    /// Whether the line end here ends a record: an even number of escapes lies before it, because each takes the meaning from
    /// the next.
    fn is_end(self, window: &[u8], newline: usize, is_start: bool) -> bool {
        let Some(escape) = self.escape else { return true };
        let before = &window[..newline];
        let escapes = before.iter().rev().take_while(|&&byte| byte == escape).count();
        let is_doubtful = escapes == before.len() && !is_start;
        escapes.is_multiple_of(2) && !is_doubtful
    }
}

/// How record ends are found in chunks of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChunkEnds {
    /// On the spot.
    Local(LocalEnds),
    /// By whether an odd number of quotes has come; in a chunk by itself that is a guess.
    Quoted(Quoting),
}

impl ChunkEnds {
    /// `None` when chunks of the file say nothing by themselves.
    pub(crate) fn of(spec: &PipelineSpec) -> Option<Self> {
        let Framing::Quoted { quote, .. } = spec.framing else {
            return LocalEnds::of(spec).map(Self::Local);
        };
        let as_lines = PipelineSpec {
            framing: Framing::Lines,
            ..spec.clone()
        };
        LocalEnds::of(&as_lines)?;
        let delimiter = spec.delimiter?;
        Some(Self::Quoted(Quoting { quote, delimiter }))
    }
}

/// Just after the first line end that lies outside quotes, as far as the chunk shows: the state it begins in is the one in which
/// its quotes stand where they should.
pub(crate) fn guess_first_end(chunk: &[u8], quoting: Quoting) -> Option<usize> {
    let mut is_inside = begins_inside(&chunk[..chunk.len().min(BLOCK_BYTES)], quoting);
    memchr2_iter(quoting.quote, b'\n', chunk)
        .find(|&at| {
            let is_quote = chunk[at] == quoting.quote;
            is_inside ^= is_quote;
            !is_quote && !is_inside
        })
        .map(|newline| newline + 1)
}

fn begins_inside(text: &[u8], Quoting { quote, delimiter }: Quoting) -> bool {
    let is_open = |byte: &u8| [b'\n', quote, delimiter].contains(byte);
    let is_close = |byte: &u8| [b'\n', b'\r', quote, delimiter].contains(byte);
    let (mut strays_if_outside, mut strays_if_inside) = (0, 0);
    for (index, at) in memchr_iter(quote, text).enumerate() {
        let may_open = at == 0 || is_open(&text[at - 1]);
        let may_close = text.get(at + 1).is_none_or(is_close);
        let (outside, inside) = match index % 2 {
            0 => (may_open, may_close),
            _ => (may_close, may_open),
        };
        strays_if_outside += u64::from(!outside);
        strays_if_inside += u64::from(!inside);
    }
    strays_if_inside < strays_if_outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_shows_by_its_quotes_whether_it_begins_within_some() {
        let csv = Quoting {
            quote: b'"',
            delimiter: b',',
        };
        assert_eq!(guess_first_end(b"um\n2,fig\n", csv), Some(3));
        assert_eq!(guess_first_end(b"um\",1\n2,fig\n", csv), Some(6));
        assert_eq!(guess_first_end(b"a\nb\",1\n\"c\",fig\n", csv), Some(7));
        assert_eq!(guess_first_end(b"a\nb", csv), Some(2));
        assert_eq!(guess_first_end(b"a\",\"b\n", csv), None);
    }

    fn escaped() -> LocalEnds {
        LocalEnds { escape: Some(b'\\') }
    }

    #[test]
    fn an_escaped_line_end_ends_nothing_and_an_escaped_escape_escapes_nothing() {
        assert_eq!(escaped().first(b"a\\\nb\nc", false), Some(5));
        assert_eq!(escaped().first(b"a\\\\\nb\nc", false), Some(4));
        assert_eq!(escaped().last(b"a\nb\\\nc", false), Some(2));
    }

    #[test]
    fn a_line_end_behind_nothing_but_escapes_is_doubtful_in_the_midst_of_a_file() {
        assert_eq!(escaped().first(b"\\\\\nb\nc", false), Some(5));
        assert_eq!(escaped().first(b"\\\\\nb\nc", true), Some(3));
        assert_eq!(escaped().first(b"\nb\nc", false), Some(3));
    }

    #[test]
    fn quotes_two_byte_characters_and_compression_hide_record_ends() {
        let quoted = Framing::Quoted {
            quote: b'"',
            escape: None,
        };
        let specs = [
            PipelineSpec {
                framing: quoted,
                ..PipelineSpec::default()
            },
            PipelineSpec {
                encoding: Encoding::Utf16Le,
                ..PipelineSpec::default()
            },
            PipelineSpec {
                compression: Compression::Gzip,
                ..PipelineSpec::default()
            },
        ];
        assert!(specs.iter().all(|spec| LocalEnds::of(spec).is_none()));
    }
}

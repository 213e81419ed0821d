//! A look at the first data record: whether the delimiter tells its fields apart at all.
//!
//! With a wrong delimiter everything else is wrong too, and what shows first is no help: a header that names no column, a trailer
//! without its tag. One record is enough to say what it is, and it is looked at once.

use std::num::NonZeroUsize;

use crate::error::PrepareError;
use crate::framer::{Framer, Position};
use crate::header::read_header;
use crate::spec::{Framing, PipelineSpec};
use crate::unit::Unit;

/// What people put between fields.
const USUAL_DELIMITERS: [u8; 7] = [b',', b';', b'\t', b'|', b'^', b'~', 0x01];

/// What the first data record must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstRecord {
    expected: NonZeroUsize,
    delimiter: u8,
    framing: Framing,
}

impl FirstRecord {
    /// `None` where one field is as good as several.
    pub(crate) fn of(spec: &PipelineSpec) -> Option<Self> {
        Some(Self {
            expected: spec.fields.filter(|fields| fields.get() > 1)?,
            delimiter: spec.delimiter?,
            framing: spec.framing,
        })
    }

    /// Refuses a record of one field that another delimiter would cut into several. One that nothing cuts is COPY's to refuse.
    pub(crate) fn check(self, text: &str, at: Position) -> Result<(), PrepareError> {
        if self.fields_by(self.delimiter, text) > 1 {
            return Ok(());
        }
        let expected = self.expected.get();
        let likely = USUAL_DELIMITERS
            .into_iter()
            .map(|delimiter| (delimiter, self.fields_by(delimiter, text)))
            .filter(|(_, fields)| *fields > 1)
            .max_by_key(|(_, fields)| (*fields == expected, *fields));
        match likely {
            None => Ok(()),
            Some((likely, fields)) => Err(PrepareError::DelimiterDiffers {
                line: at.line,
                byte: at.byte,
                delimiter: char::from(self.delimiter),
                expected,
                likely: char::from(likely),
                fields,
            }),
        }
    }

    fn fields_by(self, delimiter: u8, text: &str) -> usize {
        match memchr::memchr(delimiter, text.as_bytes()) {
            None => 1,
            Some(_) => read_header(text.to_owned(), Some(delimiter), self.framing)
                .fields
                .len(),
        }
    }
}

/// The same of a file that no pipeline reads: `data` is what begins with its first data record, at a place of the file. What does
/// not show there is not refused.
///
/// # Errors
/// [`PrepareError::DelimiterDiffers`].
pub fn check_first_record(
    spec: &PipelineSpec,
    data: &[u8],
    line: u64,
    byte: u64,
) -> Result<(), PrepareError> {
    let Some(first) = FirstRecord::of(spec) else {
        return Ok(());
    };
    let mut framer = Framer::new(Unit::One, spec.framing, spec.delimiter);
    let Some(end) = framer.next_end(data, 0, byte) else {
        return Ok(());
    };
    let (record, rest) = data.split_at(end);
    // It may be the trailer, if nothing follows.
    let is_last = !rest.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
    if spec.trailer.is_some() && is_last {
        return Ok(());
    }
    let line_end = record
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let content = &record[..record.len() - line_end.count()];
    first.check(&spec.encoding.decode_lossy(content), Position { line, byte })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trailer::Trailer;

    fn spec(fields: usize, trailer: Option<Trailer>) -> PipelineSpec {
        PipelineSpec {
            delimiter: Some(b'|'),
            fields: NonZeroUsize::new(fields),
            trailer,
            ..PipelineSpec::default()
        }
    }

    fn refusal(spec: &PipelineSpec, data: &str) -> Option<String> {
        let checked = check_first_record(spec, data.as_bytes(), 2, 9);
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn the_delimiter_that_gives_the_expected_fields_comes_before_one_that_gives_more() {
        let said = refusal(&spec(3, None), "1;plum, fig, pear, kiwi;2\n").unwrap();
        assert_eq!(
            said,
            "line 2, byte 9: expected 3 fields by '|', found 1; it looks like ';' (3 fields): correct the rule's delimiter, or ask the sender"
        );
        let said = refusal(&spec(3, None), "1,plum,2,3\r\n").unwrap();
        assert!(said.contains("it looks like ',' (4 fields)"), "{said}");
    }

    #[test]
    fn nothing_is_said_of_a_record_that_is_cut_or_that_nothing_cuts_or_that_may_have_one_field() {
        assert_eq!(refusal(&spec(3, None), "1|plum,fig\n"), None);
        assert_eq!(refusal(&spec(3, None), "plum\n"), None);
        assert_eq!(refusal(&spec(3, None), "1,plum"), None);
        assert_eq!(refusal(&spec(1, None), "1,plum\n"), None);
        assert_eq!(refusal(&spec(0, None), "1,plum\n"), None);
    }

    #[test]
    fn the_only_record_of_a_file_with_a_trailer_is_the_trailer() {
        let with_trailer = spec(2, Some(Trailer { count: None }));
        assert_eq!(refusal(&with_trailer, "END,0\r\n\n"), None);
        assert!(refusal(&with_trailer, "plum,1\nEND,1\n").is_some());
    }
}

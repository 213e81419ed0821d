//! From the bytes of a file to UTF-8: decompression and transcoding, chunk by chunk.

use std::io::{self, Write};

use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE};
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};
use zstd::zstd_safe;

use super::lzop::Lzop;
use super::statement::{Compression, Encoding};

/// What goes into a decompressor at once: a thousandfold expansion of it still is only some megabytes.
const INPUT_STEP: usize = 4096;
const OUTPUT_STEP: usize = 64 * 1024;
/// The magic number and the longest header of a zstd frame (RFC 8878, 3.1.1), in bytes.
const FRAME_HEADER_MAX: usize = 18;

/// Turns the chunks of one file into text.
pub(super) struct FileDecoder {
    decompressor: Decompressor,
    transcoder: Transcoder,
    plain: Vec<u8>,
}

enum Decompressor {
    Plain,
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Bzip2(Box<Bzip2>),
    Zstd(Box<Zstd>),
    Lzop(Lzop),
}

/// Members of a bzip2 file follow each other.
struct Bzip2 {
    member: bzip2::Decompress,
    /// Whether a member has begun and not ended.
    is_inside: bool,
}

/// Frames of a zstd file follow each other too.
struct Zstd {
    frames: zstd::stream::raw::Decoder<'static>,
    is_inside: bool,
    frame: Frame,
}

/// What is known of the frame that is being read.
///
/// The library compares a frame's length with what its header says, but not when the frame comes in pieces and ends with an empty block: whether a
/// damaged file is accepted would depend on how it was cut.
#[derive(Default)]
struct Frame {
    /// The first bytes, as many as a header has at most.
    header: Vec<u8>,
    plain_bytes: u64,
}

enum Transcoder {
    /// Bytes stay as they are; only a byte order mark goes. Holds how many bytes of it were seen.
    Utf8 {
        start: Vec<u8>,
        started: bool,
    },
    Latin1,
    Utf16(Box<Decoder>),
    /// Nothing was read yet: the byte order mark decides.
    Utf16Unknown(Vec<u8>),
}

impl FileDecoder {
    /// A decoder for one file.
    pub(super) fn new(compression: Option<Compression>, encoding: Encoding) -> io::Result<Self> {
        Ok(Self {
            decompressor: Decompressor::new(compression)?,
            transcoder: Transcoder::new(encoding),
            plain: Vec::new(),
        })
    }

    /// Decodes a part of the file; `text` is called with pieces of UTF-8 (or of what claims to be).
    pub(super) fn push<E: From<io::Error>>(
        &mut self,
        bytes: &[u8],
        mut text: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if matches!(self.decompressor, Decompressor::Plain) {
            return self.transcoder.push(bytes, &mut text);
        }
        for step in bytes.chunks(INPUT_STEP) {
            self.plain.clear();
            self.decompressor.push(step, &mut self.plain)?;
            self.transcoder.push(&self.plain, &mut text)?;
        }
        Ok(())
    }

    /// Ends the file; an archive that ends too early is an error.
    pub(super) fn finish<E: From<io::Error>>(
        mut self,
        mut text: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.plain.clear();
        self.decompressor.finish(&mut self.plain)?;
        self.transcoder.push(&self.plain, &mut text)?;
        self.transcoder.finish(&mut text)
    }
}

impl Decompressor {
    fn new(compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain,
            Some(Compression::Gzip) => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new()))),
            Some(Compression::Bzip2) => Self::Bzip2(Box::new(Bzip2 {
                member: bzip2::Decompress::new(false),
                is_inside: false,
            })),
            Some(Compression::Lzop) => Self::Lzop(Lzop::default()),
            Some(Compression::Zstd) => Self::Zstd(Box::new(Zstd {
                frames: zstd::stream::raw::Decoder::new()?,
                is_inside: false,
                frame: Frame::default(),
            })),
        })
    }

    fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain => plain.extend_from_slice(bytes),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                plain.append(decoder.get_mut());
            }
            Self::Bzip2(decoder) => decoder.push(bytes, plain)?,
            Self::Zstd(decoder) => decoder.push(bytes, plain)?,
            Self::Lzop(decoder) => decoder.push(bytes, plain)?,
        }
        Ok(())
    }

    fn finish(&mut self, plain: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                decoder.try_finish()?;
                plain.append(decoder.get_mut());
                Ok(())
            }
            Self::Bzip2(decoder) if decoder.is_inside => Err(ended_early("bzip2")),
            Self::Bzip2(_) => Ok(()),
            Self::Zstd(decoder) if decoder.is_inside => Err(ended_early("zstd")),
            Self::Zstd(_) => Ok(()),
            Self::Lzop(decoder) if decoder.is_inside() => Err(ended_early("lzop")),
            Self::Lzop(_) => Ok(()),
        }
    }
}

impl Bzip2 {
    fn push(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let before_in = self.member.total_in();
            let before_out = self.member.total_out();
            plain.reserve(OUTPUT_STEP);
            let status = self
                .member
                .decompress_vec(bytes, plain)
                .map_err(io::Error::other)?;
            let consumed = usize::try_from(self.member.total_in() - before_in).unwrap_or(bytes.len());
            let has_output = self.member.total_out() > before_out;
            self.is_inside |= consumed > 0;
            bytes = &bytes[consumed..];
            if status == bzip2::Status::StreamEnd {
                *self = Self {
                    member: bzip2::Decompress::new(false),
                    is_inside: false,
                };
            }
            if bytes.is_empty() && !has_output {
                return Ok(());
            }
            if consumed == 0 && !has_output {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the bzip2 data makes no progress",
                ));
            }
        }
    }
}

impl Zstd {
    fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        let mut buffer = vec![0_u8; OUTPUT_STEP];
        loop {
            let mut output = OutBuffer::around(buffer.as_mut_slice());
            let begin = input.pos();
            // Zero means that a frame ended and all of it is out.
            self.is_inside = self.frames.run(&mut input, &mut output)? != 0;
            self.frame.add(&bytes[begin..input.pos()], output.pos());
            plain.extend_from_slice(output.as_slice());
            if !self.is_inside {
                std::mem::take(&mut self.frame).check()?;
            }
            // After the last frame there is nothing to ask for: the library would take that for the beginning of another.
            let is_all_out = output.pos() < OUTPUT_STEP || !self.is_inside;
            if input.pos() == bytes.len() && is_all_out {
                return Ok(());
            }
        }
    }
}

impl Frame {
    fn add(&mut self, bytes: &[u8], plain_bytes: usize) {
        let missing = FRAME_HEADER_MAX.saturating_sub(self.header.len());
        self.header.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.plain_bytes = self
            .plain_bytes
            .saturating_add(u64::try_from(plain_bytes).unwrap_or(u64::MAX));
    }

    /// Whether the frame, which has ended, is as long as its header says, if it says it.
    fn check(self) -> io::Result<()> {
        match zstd_safe::get_frame_content_size(&self.header) {
            Ok(Some(said)) if said != self.plain_bytes => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a zstd frame says that it holds {said} bytes, and holds {}",
                    self.plain_bytes
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl Transcoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8 => Self::Utf8 {
                start: Vec::new(),
                started: false,
            },
            Encoding::Latin1 => Self::Latin1,
            Encoding::Binary => Self::Utf8 {
                start: Vec::new(),
                started: true,
            },
            Encoding::Utf16LittleEndian => Self::Utf16(Box::new(UTF_16LE.new_decoder_with_bom_removal())),
            Encoding::Utf16BigEndian => Self::Utf16(Box::new(UTF_16BE.new_decoder_with_bom_removal())),
            Encoding::Utf16 => Self::Utf16Unknown(Vec::new()),
        }
    }

    fn push<E: From<io::Error>>(
        &mut self,
        bytes: &[u8],
        text: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Utf8 { started: true, .. } => text(bytes),
            Self::Utf8 { start, started } => {
                start.extend_from_slice(bytes);
                if start.len() < 3 {
                    return Ok(());
                }
                *started = true;
                let start = std::mem::take(start);
                text(start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&start))
            }
            Self::Latin1 => {
                let utf8: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                text(utf8.as_bytes())
            }
            Self::Utf16(decoder) => transcode(decoder, bytes, false, text),
            Self::Utf16Unknown(start) => {
                start.extend_from_slice(bytes);
                if start.len() < 2 {
                    return Ok(());
                }
                let start = std::mem::take(start);
                let encoding = match start[..2] {
                    [0xFE, 0xFF] => UTF_16BE,
                    [0xFF, 0xFE] => UTF_16LE,
                    _ => return Err(no_byte_order_mark().into()),
                };
                *self = Self::Utf16(Box::new(encoding.new_decoder_with_bom_removal()));
                self.push(&start, text)
            }
        }
    }

    fn finish<E: From<io::Error>>(&mut self, text: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Utf8 { start, .. } => text(&std::mem::take(start)),
            Self::Utf16(decoder) => transcode(decoder, &[], true, text),
            Self::Utf16Unknown(start) if !start.is_empty() => Err(no_byte_order_mark().into()),
            Self::Latin1 | Self::Utf16Unknown(_) => Ok(()),
        }
    }
}

fn transcode<E: From<io::Error>>(
    decoder: &mut Decoder,
    mut bytes: &[u8],
    is_last: bool,
    text: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    debug_assert!(decoder.encoding() != UTF_8);
    let mut buffer = vec![0_u8; OUTPUT_STEP];
    loop {
        let (result, read, written, had_errors) = decoder.decode_to_utf8(bytes, &mut buffer, is_last);
        if had_errors {
            return Err(not_utf16().into());
        }
        text(&buffer[..written])?;
        bytes = &bytes[read..];
        if result == CoderResult::InputEmpty {
            return Ok(());
        }
    }
}

/// Without one nobody knows which half of a character comes first; UTF16LE and UTF16BE say it.
fn no_byte_order_mark() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "ENCODING UTF16 needs a byte order mark at the beginning of the file; use UTF16LE or UTF16BE",
    )
}

/// The number is the manual's: <https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html>.
fn not_utf16() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the encoding of the file is not the one that ENCODING says (error 1221): something in it is not UTF-16",
    )
}

fn ended_early(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the {what} data ends early"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(
        bytes: &[u8],
        step: usize,
        compression: Option<Compression>,
        encoding: Encoding,
    ) -> io::Result<Vec<u8>> {
        let mut decoder = FileDecoder::new(compression, encoding)?;
        let mut text = Vec::new();
        for chunk in bytes.chunks(step) {
            decoder.push::<io::Error>(chunk, |piece| {
                text.extend_from_slice(piece);
                Ok(())
            })?;
        }
        decoder.finish::<io::Error>(|piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(text: &[u8]) -> Vec<u8> {
        let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn several_members_are_one_file_in_any_chunks() {
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        for (compression, one, two) in [
            (Compression::Gzip, gzip(b"a|1\n"), gzip(b"b|2\n")),
            (Compression::Bzip2, bzip2(b"a|1\n"), bzip2(b"b|2\n")),
            (Compression::Zstd, zstd(b"a|1\n"), zstd(b"b|2\n")),
        ] {
            let file = [one, two].concat();
            for step in [1, 7, 100_000] {
                let text = decode(&file, step, Some(compression), Encoding::Utf8).unwrap();
                assert_eq!(text, b"a|1\nb|2\n", "{compression:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_cut_archive_is_an_error() {
        let text: Vec<u8> = (0..20_000_u32)
            .flat_map(|number| number.to_string().into_bytes())
            .collect();
        for (compression, file) in [
            (Compression::Gzip, gzip(&text)),
            (Compression::Bzip2, bzip2(&text)),
            (Compression::Zstd, zstd::encode_all(text.as_slice(), 1).unwrap()),
        ] {
            let cut = &file[..file.len() - 3];
            let result = decode(cut, 1000, Some(compression), Encoding::Utf8);
            assert!(result.is_err(), "{compression:?} accepted a cut file");
        }
    }

    #[test]
    fn a_frame_that_is_not_as_long_as_it_says_fails_however_it_is_cut() {
        // A header that says 29 bytes, and an empty last block.
        let damaged = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 29, 1, 0, 0];
        for step in [1, 2, 8, 1000] {
            let error = decode(&damaged, step, Some(Compression::Zstd), Encoding::Utf8).unwrap_err();
            assert_ne!(error.to_string(), "", "in steps of {step}");
        }
    }

    #[test]
    fn a_frame_ends_where_the_buffer_does() {
        let text = vec![b'a'; 2 * OUTPUT_STEP];
        let file = zstd::encode_all(text.as_slice(), 1).unwrap();
        for step in [1, 7, file.len()] {
            let decoded = decode(&file, step, Some(Compression::Zstd), Encoding::Utf8);
            assert_eq!(decoded.unwrap(), text, "in steps of {step}");
        }
    }

    #[test]
    fn encodings_become_utf8() {
        let little: Vec<u8> = "\u{feff}ä|1\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}ä|1\n"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for (bytes, encoding) in [
            (little.as_slice(), Encoding::Utf16),
            (big.as_slice(), Encoding::Utf16),
            (little.as_slice(), Encoding::Utf16LittleEndian),
            (b"\xE4|1\n", Encoding::Latin1),
            ("\u{feff}ä|1\n".as_bytes(), Encoding::Utf8),
        ] {
            for step in [1, 1000] {
                let text = decode(bytes, step, None, encoding).unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&text),
                    "ä|1\n",
                    "{encoding:?} in steps of {step}"
                );
            }
        }
    }
}

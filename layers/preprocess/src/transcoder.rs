//! Transcoding of one output to UTF-8.

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};

use crate::encoding::{Encoding, OutputEncoding};

/// Turns the records of one output into UTF-8, or leaves them as they are.
pub(crate) enum Transcoder {
    /// The output has the input's encoding.
    AsIs,
    /// ISO 8859-1 to UTF-8.
    Latin,
    /// UTF-16 to UTF-8, with its output buffer.
    Wide { decoder: Decoder, text: Vec<u8> },
}

impl Transcoder {
    pub(crate) fn new(from: Encoding, to: OutputEncoding) -> Self {
        match (from, to) {
            (_, OutputEncoding::AsInput) | (Encoding::Utf8, OutputEncoding::Utf8) => Self::AsIs,
            (Encoding::Iso88591, OutputEncoding::Utf8) => Self::Latin,
            (Encoding::Utf16 | Encoding::Utf16Le, OutputEncoding::Utf8) => Self::Wide {
                decoder: UTF_16LE.new_decoder_without_bom_handling(),
                text: Vec::new(),
            },
            (Encoding::Utf16Be, OutputEncoding::Utf8) => Self::Wide {
                decoder: UTF_16BE.new_decoder_without_bom_handling(),
                text: Vec::new(),
            },
        }
    }

    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Self::AsIs)
    }

    /// Hands the UTF-8 of `bytes` to `write`. The records of an output end in a line end, so no character is left over.
    pub(crate) fn transcode<E>(
        &mut self,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::AsIs => write(bytes),
            Self::Latin => {
                let mut text = vec![0; bytes.len() * 2];
                let written = encoding_rs::mem::convert_latin1_to_utf8(bytes, &mut text);
                write(&text[..written])
            }
            Self::Wide { decoder, text } => {
                let capacity = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(usize::MAX);
                text.resize(capacity, 0);
                let (_, _, written, _) = decoder.decode_to_utf8(bytes, text, false);
                write(&text[..written])
            }
        }
    }
}

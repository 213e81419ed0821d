//! A sample as its bytes are, unpacked.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use longshore_domain::object::ObjectKey;
use longshore_domain::rule::{Compression, Encoding};

/// What is kept in memory of one sample, unpacked.
const MOST_BYTES: u64 = 256 << 20;

/// A file that is like those to come.
#[derive(Debug)]
pub(super) struct Sample {
    /// Where it is, for messages.
    pub path: String,
    /// Its name without folders.
    pub name: String,
    /// How it is compressed.
    pub compression: Compression,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Sample {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display().to_string();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let unreadable = |error: std::io::Error| format!("{shown} cannot be read: {error}");
        let mut file = File::open(path).map_err(unreadable)?;
        let mut magic = Vec::new();
        file.by_ref()
            .take(9)
            .read_to_end(&mut magic)
            .map_err(unreadable)?;
        let compression = compression(&magic);
        let whole = std::io::Cursor::new(magic).chain(file);
        let mut unpacked: Box<dyn Read> = match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(whole)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(whole).map_err(unreadable)?),
            Compression::Lzop => {
                return Err(format!(
                    "{shown} is packed by lzop, which only the warehouse reads; unpack the sample first (lzop -d)"
                ));
            }
        };
        let mut bytes = Vec::new();
        unpacked
            .by_ref()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!(
                "{shown} is longer than {} MiB; a part of it is sample enough, such as its first 100,000 lines",
                MOST_BYTES >> 20
            ));
        }
        Ok(Self {
            path: shown,
            name: name.unwrap_or_default(),
            compression,
            bytes,
        })
    }

    /// What its name ends with.
    pub(super) fn extension(&self) -> Option<String> {
        ObjectKey::new(&self.name)
            .extension()
            .map(str::to_ascii_lowercase)
    }

    /// As rules write it.
    pub(super) fn compression_word(&self) -> &'static str {
        match self.compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Lzop => "lzop",
            Compression::Zstd => "zstd",
        }
    }

    /// As text, with the encoding that it has: by its byte order mark, else UTF-8, else ISO 8859-1, in which every byte is a character.
    pub(super) fn text(&self) -> Result<(String, Encoding), String> {
        let bytes = self.bytes.as_slice();
        let wide = |from_bytes: fn([u8; 2]) -> u16| {
            let (units, rest) = bytes[2..].as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| from_bytes(*unit)).collect();
            match rest.is_empty() {
                true => String::from_utf16(&units).map_err(|_| "its UTF-16 is broken".to_owned()),
                false => Err("its UTF-16 ends within a character".to_owned()),
            }
        };
        match bytes {
            [0xff, 0xfe, ..] => Ok((wide(u16::from_le_bytes)?, Encoding::Utf16)),
            [0xfe, 0xff, ..] => Ok((wide(u16::from_be_bytes)?, Encoding::Utf16)),
            [0xef, 0xbb, 0xbf, rest @ ..] | rest => match std::str::from_utf8(rest) {
                Ok(text) if text.contains('\0') => Err("it holds NUL bytes and is no text".to_owned()),
                Ok(text) => Ok((text.to_owned(), Encoding::Utf8)),
                Err(_) => Ok((
                    rest.iter().map(|byte| char::from(*byte)).collect(),
                    Encoding::Iso88591,
                )),
            },
        }
    }
}

fn compression(magic: &[u8]) -> Compression {
    match magic {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0x89, b'L', b'Z', b'O', 0, ..] => Compression::Lzop,
        _ => Compression::None,
    }
}

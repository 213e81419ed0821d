//! The container of `lzop` files: a header, then blocks that each say how long they are.
//!
//! ```text
//! magic │ versions, method, level │ flags │ mode, times │ name │ checksum │ (extra field) │ blocks … │ 0
//! block: plain length │ packed length │ checksums as the flags say │ bytes, packed unless both lengths are equal
//! ```
//! All numbers are big-endian. Several such files in a row are one.

use std::io;

use super::lzo::decompress;

const MAGIC: &[u8; 9] = b"\x89LZO\0\r\n\x1a\n";
/// No block of the format is larger.
const MOST_BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// A header has some fields, a file name of up to 255 bytes and rarely an extra field.
const MOST_HEADER_BYTES: usize = 64 * 1024;

const FLAG_ADLER_PLAIN: u32 = 0x1;
const FLAG_ADLER_PACKED: u32 = 0x2;
const FLAG_EXTRA_FIELD: u32 = 0x40;
const FLAG_CRC_PLAIN: u32 = 0x100;
const FLAG_CRC_PACKED: u32 = 0x200;
const FLAG_FILTER: u32 = 0x800;
/// From this version on a header has a level and the upper half of the time.
const VERSION_WITH_LEVEL: u16 = 0x0940;

/// Takes the bytes of a file in any pieces.
#[derive(Debug, Default)]
pub(super) struct Lzop {
    pending: Vec<u8>,
    /// What the header of the file that is being read said; None between files.
    flags: Option<u32>,
}

impl Lzop {
    /// Adds bytes; what can be unpacked goes to `plain`.
    pub(super) fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(consumed) = self.step(at, plain)? {
            at += consumed;
        }
        self.pending.drain(..at);
        Ok(())
    }

    /// Whether the bytes so far end in the middle of a file.
    pub(super) fn is_inside(&self) -> bool {
        self.flags.is_some() || !self.pending.is_empty()
    }

    /// Reads a header or a block; None when not all of it is there.
    fn step(&mut self, at: usize, plain: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let mut scan = Scan {
            bytes: &self.pending[at..],
            at: 0,
        };
        if scan.bytes.is_empty() {
            return Ok(None);
        }
        let Some(flags) = self.flags else {
            let Some(flags) = header(&mut scan)? else {
                let is_endless = scan.bytes.len() > MOST_HEADER_BYTES;
                return if is_endless {
                    Err(invalid("a header without end"))
                } else {
                    Ok(None)
                };
            };
            self.flags = Some(flags);
            return Ok(Some(scan.at));
        };
        match block(&mut scan, flags, plain)? {
            Block::Partial => Ok(None),
            Block::Whole => Ok(Some(scan.at)),
            Block::End => {
                let consumed = scan.at;
                self.flags = None;
                Ok(Some(consumed))
            }
        }
    }
}

enum Block {
    Partial,
    Whole,
    End,
}

/// The flags of a header; None when not all of it is there.
fn header(scan: &mut Scan<'_>) -> io::Result<Option<u32>> {
    let start = &scan.bytes[..scan.bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) {
        return Err(invalid("no lzop magic"));
    }
    Ok(header_fields(scan).transpose()?.flatten())
}

fn header_fields(scan: &mut Scan<'_>) -> Option<io::Result<Option<u32>>> {
    scan.take(MAGIC.len())?;
    let version = scan.number(2)?;
    scan.take(4)?;
    let method = scan.number(1)?;
    if !(1..=3).contains(&method) {
        return Some(Err(invalid("an unknown method")));
    }
    let has_level = version >= u32::from(VERSION_WITH_LEVEL);
    scan.take(usize::from(has_level))?;
    let flags = scan.number(4)?;
    if flags & FLAG_FILTER != 0 {
        return Some(Err(invalid("lzop --filter is not supported by COPY")));
    }
    // Mode and time.
    scan.take(if has_level { 12 } else { 8 })?;
    let name_length = scan.number(1)?;
    scan.take(usize::try_from(name_length).ok()?)?;
    scan.take(4)?;
    if flags & FLAG_EXTRA_FIELD != 0 {
        let length = scan.number(4)?;
        scan.take(usize::try_from(length).ok()?.checked_add(4)?)?;
    }
    Some(Ok(Some(flags)))
}

fn block(scan: &mut Scan<'_>, flags: u32, plain: &mut Vec<u8>) -> io::Result<Block> {
    let Some(plain_length) = scan.length() else {
        return Ok(Block::Partial);
    };
    if plain_length == 0 {
        return Ok(Block::End);
    }
    let Some(packed_length) = scan.length() else {
        return Ok(Block::Partial);
    };
    if plain_length > MOST_BLOCK_BYTES || packed_length > plain_length {
        return Err(invalid("a block of impossible length"));
    }
    let is_packed = packed_length < plain_length;
    let checks = [
        (FLAG_ADLER_PLAIN, true),
        (FLAG_CRC_PLAIN, true),
        (FLAG_ADLER_PACKED, is_packed),
        (FLAG_CRC_PACKED, is_packed),
    ];
    let mut expected_adler = None;
    for (flag, _) in checks
        .iter()
        .filter(|(flag, is_there)| flags & flag != 0 && *is_there)
    {
        let Some(sum) = scan.number(4) else {
            return Ok(Block::Partial);
        };
        if *flag == FLAG_ADLER_PLAIN {
            expected_adler = Some(sum);
        }
    }
    let Some(bytes) = scan.take(packed_length) else {
        return Ok(Block::Partial);
    };
    let start = plain.len();
    if is_packed {
        decompress(bytes, plain_length, plain).map_err(invalid)?;
    } else {
        plain.extend_from_slice(bytes);
    }
    if expected_adler.is_some_and(|expected| expected != adler32(&plain[start..])) {
        return Err(invalid("a block whose checksum is wrong"));
    }
    Ok(Block::Whole)
}

/// RFC 1950's sum.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // So many bytes cannot overflow 32 bits.
    const STEP: usize = 5552;
    let (mut one, mut two) = (1_u32, 0_u32);
    for step in bytes.chunks(STEP) {
        for byte in step {
            one += u32::from(*byte);
            two += one;
        }
        one %= MODULUS;
        two %= MODULUS;
    }
    two << 16 | one
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the lzop data is damaged: {reason}"),
    )
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<u32> {
        let bytes = self.take(width)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte)),
        )
    }

    fn length(&mut self) -> Option<usize> {
        self.number(4).and_then(|number| usize::try_from(number).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `lzop` and by `lzop -9 -C`.
    const FILES: [&[u8]; 2] = [
        include_bytes!("../../tests/fixtures/rows.lzo"),
        include_bytes!("../../tests/fixtures/rows-best.lzo"),
    ];

    fn rows() -> String {
        (0..600)
            .map(|row| {
                format!(
                    "{row}|name {}|{}|{}\n",
                    row % 37,
                    "xy".repeat(row % 9),
                    row * row % 1009
                )
            })
            .collect()
    }

    fn unpack(file: &[u8], step: usize) -> io::Result<Vec<u8>> {
        let mut lzop = Lzop::default();
        let mut plain = Vec::new();
        for piece in file.chunks(step) {
            lzop.push(piece, &mut plain)?;
        }
        if lzop.is_inside() {
            return Err(invalid("an end in the middle"));
        }
        Ok(plain)
    }

    #[test]
    fn files_of_the_real_program_are_unpacked_in_any_pieces() {
        let both = FILES.concat();
        for step in [1, 100, 100_000] {
            for file in FILES {
                assert_eq!(unpack(file, step).unwrap(), rows().as_bytes());
            }
            assert_eq!(
                unpack(&both, step).unwrap(),
                rows().repeat(2).as_bytes(),
                "two files in one"
            );
        }
    }

    #[test]
    fn a_changed_or_missing_byte_is_noticed_or_harmless() {
        let file = FILES[0];
        for length in 1..file.len() {
            assert!(unpack(&file[..length], 1000).is_err(), "cut to {length} bytes");
        }
        for at in (0..file.len()).step_by(7) {
            let mut changed = file.to_vec();
            changed[at] ^= 0x55;
            if let Ok(plain) = unpack(&changed, 1000) {
                assert_eq!(plain, rows().as_bytes(), "byte {at}");
            }
        }
    }
}

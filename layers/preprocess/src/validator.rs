//! Validation of the text, block by block.

use crate::encoding::Encoding;
use crate::unit::Unit;

/// Checks that blocks, one after the other, are text of an encoding. Characters may straddle blocks.
pub(crate) enum Validator {
    /// Every byte is right, or wrong ones are accepted.
    Any,
    /// UTF-8, with the beginning of a character that the last block cut.
    Utf8 { cut: Vec<u8> },
    /// UTF-16, with whether the last block ended in a high surrogate.
    Utf16 { unit: Unit, after_high: bool },
}

/// Where a block stops being valid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// Bytes of the block before the invalid sequence; 0 if it began in an earlier block.
    pub(crate) valid_bytes: usize,
    /// Bytes of the invalid sequence that lie in earlier blocks.
    pub(crate) bytes_before: usize,
}

impl Validator {
    /// A validator for a settled encoding.
    pub(crate) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8 => Self::Utf8 { cut: Vec::new() },
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => Self::Utf16 {
                unit: encoding.unit(),
                after_high: false,
            },
            Encoding::Iso88591 => Self::Any,
        }
    }

    /// Whether ASCII of one-byte units may follow, which then needs no check.
    pub(crate) fn is_between_characters(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Utf8 { cut } => cut.is_empty(),
            Self::Utf16 { .. } => false,
        }
    }

    /// Checks the next block; UTF-16 blocks hold whole units.
    pub(crate) fn check(&mut self, block: &[u8]) -> Result<(), Invalid> {
        match self {
            Self::Any => Ok(()),
            Self::Utf8 { cut } => check_utf8(cut, block),
            Self::Utf16 { unit, after_high } => check_utf16(*unit, after_high, block),
        }
    }

    /// Checks that the text does not end within a character.
    pub(crate) fn finish(&self) -> Result<(), Invalid> {
        let bytes_before = match self {
            Self::Any => 0,
            Self::Utf8 { cut } => cut.len(),
            Self::Utf16 { after_high, .. } => usize::from(*after_high) * 2,
        };
        if bytes_before == 0 {
            Ok(())
        } else {
            Err(Invalid {
                valid_bytes: 0,
                bytes_before,
            })
        }
    }
}

fn check_utf8(cut: &mut Vec<u8>, block: &[u8]) -> Result<(), Invalid> {
    let bytes_before = cut.len();
    let mut from = 0;
    while !cut.is_empty() {
        let Some(&byte) = block.get(from) else {
            return Ok(());
        };
        cut.push(byte);
        from += 1;
        match std::str::from_utf8(cut) {
            Ok(_) => cut.clear(),
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                return Err(Invalid {
                    valid_bytes: 0,
                    bytes_before,
                });
            }
        }
    }
    // Checks many bytes at once, and says no more than whether all is well.
    if simdutf8::basic::from_utf8(&block[from..]).is_ok() {
        return Ok(());
    }
    let Err(error) = std::str::from_utf8(&block[from..]) else {
        return Ok(());
    };
    let valid_bytes = from + error.valid_up_to();
    if error.error_len().is_some() {
        return Err(Invalid {
            valid_bytes,
            bytes_before: 0,
        });
    }
    cut.extend_from_slice(&block[valid_bytes..]);
    Ok(())
}

fn check_utf16(unit: Unit, after_high: &mut bool, block: &[u8]) -> Result<(), Invalid> {
    let read = |pair: &[u8; 2]| match unit {
        Unit::TwoBig => u16::from_be_bytes(*pair),
        Unit::One | Unit::TwoLittle => u16::from_le_bytes(*pair),
    };
    let (units, _) = block.as_chunks::<2>();
    if !*after_high && !units.iter().any(|pair| read(pair) & 0xF800 == 0xD800) {
        return Ok(());
    }
    for (index, pair) in units.iter().enumerate() {
        let value = read(pair);
        let is_low = value & 0xFC00 == 0xDC00;
        if *after_high != is_low {
            let valid_bytes = if *after_high {
                (index * 2).saturating_sub(2)
            } else {
                index * 2
            };
            let bytes_before = if *after_high && index == 0 { 2 } else { 0 };
            return Err(Invalid {
                valid_bytes,
                bytes_before,
            });
        }
        *after_high = value & 0xFC00 == 0xD800;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Invalid, Validator};
    use crate::encoding::Encoding;

    #[test]
    fn a_character_may_be_cut_anywhere() {
        let text = "aé€😀z".as_bytes();
        for cut in 0..=text.len() {
            let mut validator = Validator::new(Encoding::Utf8);
            assert_eq!(validator.check(&text[..cut]), Ok(()));
            assert_eq!(validator.check(&text[cut..]), Ok(()));
            assert_eq!(validator.finish(), Ok(()));
        }
    }

    #[test]
    fn a_sequence_that_goes_wrong_in_the_next_block_is_placed_at_its_start() {
        let mut validator = Validator::new(Encoding::Utf8);
        assert_eq!(validator.check(b"ab\xE2\x82"), Ok(()));
        assert_eq!(
            validator.check(b"c"),
            Err(Invalid {
                valid_bytes: 0,
                bytes_before: 2
            })
        );
    }

    #[test]
    fn an_unpaired_surrogate_is_invalid_wherever_blocks_are_cut() {
        let text = [0x61, 0x00, 0x3D, 0xD8, 0x61, 0x00];
        let mut whole = Validator::new(Encoding::Utf16Le);
        assert_eq!(
            whole.check(&text),
            Err(Invalid {
                valid_bytes: 2,
                bytes_before: 0
            })
        );
        let mut cut = Validator::new(Encoding::Utf16Le);
        assert_eq!(cut.check(&text[..4]), Ok(()));
        assert_eq!(
            cut.check(&text[4..]),
            Err(Invalid {
                valid_bytes: 0,
                bytes_before: 2
            })
        );
        let mut ending = Validator::new(Encoding::Utf16Le);
        assert_eq!(ending.check(&text[..4]), Ok(()));
        assert_eq!(
            ending.finish(),
            Err(Invalid {
                valid_bytes: 0,
                bytes_before: 2
            })
        );
    }
}

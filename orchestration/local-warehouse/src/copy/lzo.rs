//! LZO1X, unpacked.
//!
//! A packed block is a row of instructions: copy so many bytes as they stand (literals), or copy so many bytes from so far back in what was
//! unpacked already. The two lowest bits of most instructions say how many literals follow at once; how many there were decides what an
//! instruction below 16 means. The stream ends with a copy from an impossible distance.
//!
//! Written from the description of the stream format that comes with the Linux kernel's documentation (`staging/lzo`); every access is checked,
//! so that any bytes at all end in an error or in no more than the length that was announced.

/// Unpacks one block of exactly `length` bytes, which are added to `out`.
pub(super) fn decompress(packed: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let start = out.len();
    out.reserve(length);
    let mut block = Block {
        packed,
        at: 0,
        out,
        start,
        end: start + length,
    };
    block.run()?;
    if block.out.len() == block.end && block.at == packed.len() {
        Ok(())
    } else {
        Err("a block that ends too early")
    }
}

struct Block<'a> {
    packed: &'a [u8],
    at: usize,
    out: &'a mut Vec<u8>,
    /// Where the block begins in `out`: nothing before it can be copied.
    start: usize,
    end: usize,
}

/// What instructions below 16 depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The last instruction was followed by no literal.
    NoLiteral,
    /// It was followed by one to three.
    FewLiterals,
    /// It was a run of four or more.
    ManyLiterals,
}

impl Block<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        let mut before = self.first()?;
        while let Some(after) = self.instruction(before)? {
            before = after;
        }
        Ok(())
    }

    /// The first byte may be a short form of literals.
    fn first(&mut self) -> Result<Before, &'static str> {
        match self.packed.first() {
            Some(&byte) if byte > 17 => {
                self.at = 1;
                let count = usize::from(byte - 17);
                self.literals(count)?;
                Ok(if count < 4 {
                    Before::FewLiterals
                } else {
                    Before::ManyLiterals
                })
            }
            _ => Ok(Before::NoLiteral),
        }
    }

    /// One instruction; None at the end of the stream.
    fn instruction(&mut self, before: Before) -> Result<Option<Before>, &'static str> {
        let byte = self.byte()?;
        let code = usize::from(byte);
        match byte {
            0..16 if before == Before::NoLiteral => {
                let count = 3 + self.length(code, 15)?;
                self.literals(count)?;
                Ok(Some(Before::ManyLiterals))
            }
            0..16 => {
                let far = usize::from(self.byte()?) << 2 | code >> 2;
                let (distance, count) = match before {
                    Before::FewLiterals => (far + 1, 2),
                    _ => (far + 2049, 3),
                };
                self.copy(distance, count)?;
                self.trailing(code & 3).map(Some)
            }
            16..32 => {
                let count = 2 + self.length(code & 7, 7)?;
                let low = self.pair()?;
                let distance = (code & 8) << 11 | low >> 2;
                if distance == 0 {
                    return Ok(None);
                }
                self.copy(distance + 16_384, count)?;
                self.trailing(low & 3).map(Some)
            }
            32..64 => {
                let count = 2 + self.length(code & 31, 31)?;
                let low = self.pair()?;
                self.copy((low >> 2) + 1, count)?;
                self.trailing(low & 3).map(Some)
            }
            _ => {
                let count = if byte < 128 {
                    3 + (code >> 5 & 1)
                } else {
                    5 + (code >> 5 & 3)
                };
                let far = usize::from(self.byte()?) << 3;
                self.copy(far + (code >> 2 & 7) + 1, count)?;
                self.trailing(code & 3).map(Some)
            }
        }
    }

    /// A length that does not fit its bits goes on in bytes: 255 for each zero, then the rest.
    fn length(&mut self, bits: usize, most: usize) -> Result<usize, &'static str> {
        if bits != 0 {
            return Ok(bits);
        }
        let mut length = most;
        loop {
            match self.byte()? {
                0 => length += 255,
                rest => return Ok(length + usize::from(rest)),
            }
        }
    }

    fn trailing(&mut self, count: usize) -> Result<Before, &'static str> {
        self.literals(count)?;
        Ok(if count == 0 {
            Before::NoLiteral
        } else {
            Before::FewLiterals
        })
    }

    fn literals(&mut self, count: usize) -> Result<(), &'static str> {
        self.check_room(count)?;
        let bytes = self
            .packed
            .get(self.at..self.at + count)
            .ok_or("a block that ends too early")?;
        self.out.extend_from_slice(bytes);
        self.at += count;
        Ok(())
    }

    /// Source and target may overlap: then the copy repeats itself.
    fn copy(&mut self, distance: usize, count: usize) -> Result<(), &'static str> {
        self.check_room(count)?;
        if distance > self.out.len() - self.start {
            return Err("a copy from before the block");
        }
        let from = self.out.len() - distance;
        if distance >= count {
            self.out.extend_from_within(from..from + count);
            return Ok(());
        }
        for at in from..from + count {
            let byte = self.out[at];
            self.out.push(byte);
        }
        Ok(())
    }

    fn check_room(&self, count: usize) -> Result<(), &'static str> {
        if count > self.end - self.out.len() {
            return Err("a block that is longer than it says");
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        let byte = self.packed.get(self.at).ok_or("a block that ends too early")?;
        self.at += 1;
        Ok(*byte)
    }

    fn pair(&mut self) -> Result<usize, &'static str> {
        let low = usize::from(self.byte()?);
        Ok(usize::from(self.byte()?) << 8 | low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_instruction_is_followed() {
        // Literals "abcd", copy 3 from 4 back with a literal behind, then the end.
        let packed = [21, b'a', b'b', b'c', b'd', 64 | 3 << 2 | 1, 0, b'!', 17, 0, 0];
        let mut out = b"before".to_vec();
        decompress(&packed, 8, &mut out).unwrap();
        assert_eq!(out, b"beforeabcdabc!");
        // A copy that overlaps itself repeats.
        let packed = [18, b'x', 32, 1, 0, 0, 17, 0, 0];
        let mut out = Vec::new();
        decompress(&packed, 35, &mut out).unwrap();
        assert_eq!(out, [b'x'; 35]);
    }

    #[test]
    fn damaged_blocks_are_errors_and_never_more_than_announced() {
        for packed in [
            &[][..],
            &[21, b'a'],
            &[18, b'x', 64 | 7 << 2, 255, 17, 0, 0],
            &[18, b'x', 17, 0, 0, 9],
            &[0; 40],
        ] {
            let mut out = Vec::new();
            assert!(decompress(packed, 8, &mut out).is_err(), "{packed:?}");
            assert!(out.len() <= 8);
        }
    }
}

//! bzip2 streams put together bit by bit, as no encoder would.

/// The magic of a block.
pub(crate) const BLOCK: u64 = 0x3141_5926_5359;
/// The magic of a stream's end.
pub(crate) const END: u64 = 0x1772_4538_5090;

/// Bits, the highest of a byte first.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<bool>);

impl Bits {
    fn of(bytes: &[u8]) -> Self {
        let mut bits = Self::default();
        for &byte in bytes {
            bits.push(u64::from(byte), 8);
        }
        bits
    }

    fn push(&mut self, value: u64, count: usize) {
        let places = (0..count as u32).rev();
        self.0
            .extend(places.map(|place| value.checked_shr(place).unwrap_or(0) & 1 == 1));
    }

    fn value(&self, at: usize, count: usize) -> u64 {
        self.0[at..at + count]
            .iter()
            .fold(0, |value, &bit| value << 1 | u64::from(bit))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| {
                (0u8..)
                    .zip(bits)
                    .fold(0, |byte, (place, &bit)| byte | u8::from(bit) << (7 - place))
            })
            .collect()
    }
}

/// What a block's data are coded with.
#[derive(Clone, Copy)]
pub(crate) struct Coding {
    /// Selectors that no data are left for, a bit each: they move the data.
    pub(crate) idle_selectors: usize,
    /// How long the codes of the symbols from 15 on are: 6 to 20 bits.
    pub(crate) long_bits: usize,
}

/// A block from its magic on.
#[derive(Clone)]
pub(crate) struct Block(Bits);

impl Block {
    /// The only block of a stream that an encoder made.
    pub(crate) fn of_stream(stream: &[u8]) -> Self {
        let bits = Bits::of(stream);
        let end = (0..8)
            .map(|padding| bits.0.len() - padding - 80)
            .find(|&at| bits.value(at, 48) == END);
        Self(Bits(bits.0[32..end.expect("the stream has an end")].to_vec()))
    }

    /// A block whose data are these symbols. Those below 15 are coded as their own four bits: so its data can be any hexadecimal
    /// number without an F.
    pub(crate) fn of_symbols(symbols: &[u8], coding: Coding) -> Self {
        let mut bits = Bits::default();
        bits.push(BLOCK, 48);
        bits.push(0, 32 + 1 + 24);
        // The bytes 0x60 to 0x6F are used: with two symbols for runs and one for the end there are 18.
        bits.push(1 << 9, 16);
        bits.push(0xFFFF, 16);
        let selectors = coding.idle_selectors + symbols.len() / 50 + 1;
        bits.push(2, 3);
        bits.push(selectors as u64, 15);
        bits.push(0, selectors);
        for _table in 0..2 {
            // Four bits for the first fifteen.
            bits.push(4, 5);
            bits.push(0, 15);
            for _longer in 4..coding.long_bits {
                bits.push(0b10, 2);
            }
            bits.push(0, 3);
        }
        for &symbol in [symbols, &[17]].concat().iter() {
            match symbol {
                0..15 => bits.push(u64::from(symbol), 4),
                _ => bits.push(
                    (0xF << (coding.long_bits - 4)) + u64::from(symbol) - 15,
                    coding.long_bits,
                ),
            }
        }
        // Not every place to begin at gives a text: one may end in four equal bytes, without the count that belongs to them.
        (0..symbols.len() as u64)
            .find_map(|origin| Self(bits.clone()).beginning_at(origin))
            .expect("some place gives a text")
    }

    /// With the right CRC: the decoder gives the text before it says that another is wrong.
    fn beginning_at(mut self, origin: u64) -> Option<Self> {
        self.set(81, origin, 24);
        let text = decode(&self).unwrap_or_else(|text| text);
        self.set(48, u64::from(crc_of(&text)), 32);
        decode(&self).is_ok().then_some(self)
    }

    fn set(&mut self, at: usize, value: u64, count: usize) {
        let mut bits = Bits::default();
        bits.push(value, count);
        self.0.0[at..at + count].copy_from_slice(&bits.0);
    }

    fn crc(&self) -> u32 {
        self.0.value(48, 32) as u32
    }
}

/// A stream of these blocks.
pub(crate) fn stream(level: u8, blocks: &[Block]) -> Vec<u8> {
    let mut bits = Bits::of(&[b'B', b'Z', b'h', level]);
    let mut crc = 0u32;
    for block in blocks {
        bits.0.extend(&block.0.0);
        crc = crc.rotate_left(1) ^ block.crc();
    }
    bits.push(END, 48);
    bits.push(u64::from(crc), 32);
    bits.bytes()
}

/// The hexadecimal digits of a number, as symbols.
pub(crate) fn digits(number: u64, count: usize) -> Vec<u8> {
    (0..count)
        .rev()
        .map(|place| (number >> (4 * place) & 0xF) as u8)
        .collect()
}

/// The text of a block; in the error too, as far as it came.
fn decode(block: &Block) -> Result<Vec<u8>, Vec<u8>> {
    let mut text = Vec::with_capacity(1 << 20);
    let stream = stream(b'9', std::slice::from_ref(block));
    match bzip2::Decompress::new(false).decompress_vec(&stream, &mut text) {
        Ok(_) => Ok(text),
        Err(_) => Err(text),
    }
}

fn crc_of(text: &[u8]) -> u32 {
    !text.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let carry = (crc >> 31).wrapping_neg();
            crc << 1 ^ carry & 0x04C1_1DB7
        })
    })
}

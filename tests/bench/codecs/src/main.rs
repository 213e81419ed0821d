//! Compares what could decode and encode gzip and zstd, by turns, in the blocks that the engine gives them.
//!
//! `make bench ONLY=codecs`, or `cargo run --release -- FILE.gz ROUNDS` here.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};

use isal::CompressionLevel;

/// What the engine hands on at a time.
const BLOCK_BYTES: usize = 64 * 1024;
/// Of the text, this much is encoded: so that a round lasts no minutes.
const ENCODED_BYTES: usize = 128 * 1024 * 1024;
const GIB: f64 = (1 << 30) as f64;

/// Its input is in memory; it gives the number of bytes that came of it.
type Codec = fn(&[u8]) -> Result<usize, Box<dyn Error>>;

const DECODERS: [(&str, Codec); 4] = [
    ("zlib-rs (flate2), a stream", |packed| {
        drain(flate2::read::GzDecoder::new(packed))
    }),
    ("ISA-L (isal-rs), a stream", |packed| {
        drain(isal::read::GzipDecoder::new(packed))
    }),
    ("libdeflate, whole", libdeflate),
    ("zlib-rs (flate2), no checksum", |packed| {
        drain(flate2::read::DeflateDecoder::new(&packed[GZIP_HEADER_BYTES..]))
    }),
];
/// Of a header without a name, as `gzip --no-name` writes it.
const GZIP_HEADER_BYTES: usize = 10;

const ENCODERS: [(&str, Codec); 10] = [
    ("zlib-rs 1", |text| gzip(text, 1)),
    ("zlib-rs 2", |text| gzip(text, 2)),
    ("zlib-rs 3", |text| gzip(text, 3)),
    ("zlib-rs 6", |text| gzip(text, 6)),
    ("ISA-L 0", |text| isal(text, CompressionLevel::Zero)),
    ("ISA-L 1", |text| isal(text, CompressionLevel::One)),
    ("libdeflate 1, whole", |text| {
        let mut encoder =
            libdeflater::Compressor::new(libdeflater::CompressionLvl::new(1).map_err(|_| "level 1")?);
        let mut packed = vec![0; encoder.gzip_compress_bound(text.len())];
        Ok(encoder.gzip_compress(text, &mut packed)?)
    }),
    ("zstd -1 (fast)", |text| zstd(text, -1)),
    ("zstd 1", |text| zstd(text, 1)),
    ("zstd 3", |text| zstd(text, 3)),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let packed = fs::read(arguments.next().ok_or("say which file")?)?;
    let rounds: usize = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .take(ENCODED_BYTES as u64)
        .read_to_end(&mut text)?;
    compare("decoding", &packed, &DECODERS, rounds, |given, produced| {
        (produced, given)
    })?;
    compare("encoding", &text, &ENCODERS, rounds, |given, produced| {
        (given, produced)
    })
}

/// Runs all of them, A B A B …; `sizes` gives the bytes of the text and those of the packed form.
fn compare(
    work: &str,
    input: &[u8],
    codecs: &[(&str, Codec)],
    rounds: usize,
    sizes: impl Fn(usize, usize) -> (usize, usize),
) -> Result<(), Box<dyn Error>> {
    let mut seconds = vec![Vec::new(); codecs.len()];
    let mut produced = vec![0; codecs.len()];
    for _ in 0..rounds {
        for (index, (_, codec)) in codecs.iter().enumerate() {
            let began = cpu_seconds()?;
            produced[index] = codec(input)?;
            seconds[index].push(cpu_seconds()? - began);
        }
    }
    for (index, (name, _)) in codecs.iter().enumerate() {
        seconds[index].sort_by(f64::total_cmp);
        let median = seconds[index][rounds / 2];
        let (text, packed) = sizes(input.len(), produced[index]);
        println!(
            "{work} {name:<32} {:>6.2} s of CPU per GiB of text, {:.2} × smaller",
            median * GIB / text as f64,
            text as f64 / packed as f64
        );
    }
    Ok(())
}

/// What this thread had of a processor: a machine with other work takes it away from nobody's account.
fn cpu_seconds() -> io::Result<f64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds
        .map(|nanoseconds| nanoseconds / 1e9)
        .ok_or_else(|| io::Error::other("no schedstat"))
}

fn drain(mut decoder: impl Read) -> Result<usize, Box<dyn Error>> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        match decoder.read(&mut block)? {
            0 => return Ok(total),
            length => total += length,
        }
    }
}

/// It has no streams: the text must fit into memory, and its length be known before.
fn libdeflate(packed: &[u8]) -> Result<usize, Box<dyn Error>> {
    let length = u32::from_le_bytes(packed[packed.len() - 4..].try_into()?) as usize;
    let mut text = vec![0; length];
    Ok(libdeflater::Decompressor::new().gzip_decompress(packed, &mut text)?)
}

fn gzip(text: &[u8], level: u32) -> Result<usize, Box<dyn Error>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    feed(text, &mut encoder)?;
    Ok(encoder.finish()?.len())
}

fn isal(text: &[u8], level: CompressionLevel) -> Result<usize, Box<dyn Error>> {
    let mut encoder = isal::write::GzipEncoder::new(Vec::new(), level);
    feed(text, &mut encoder)?;
    encoder.flush()?;
    Ok(encoder.get_ref().len())
}

fn zstd(text: &[u8], level: i32) -> Result<usize, Box<dyn Error>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
    feed(text, &mut encoder)?;
    Ok(encoder.finish()?.len())
}

fn feed(text: &[u8], encoder: &mut impl Write) -> io::Result<()> {
    text.chunks(BLOCK_BYTES)
        .try_for_each(|block| encoder.write_all(block))
}

//! The engine driven whole, in single bytes and in random pieces, and compared with a slow and obvious one.

#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod by_value;
mod bzip2_bits;
mod bzip2_threads;
mod checks;
mod compressed;
mod cuts;
mod drive;
mod encodings;
mod line_finder;
mod outputs;
mod properties;
mod reference;
mod secrecy;
mod specs;
mod trailers;

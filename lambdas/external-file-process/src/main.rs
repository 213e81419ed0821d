//! external-file-process.

fn main() {}

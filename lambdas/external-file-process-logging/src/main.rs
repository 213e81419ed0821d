//! external-file-process-logging.

fn main() {}

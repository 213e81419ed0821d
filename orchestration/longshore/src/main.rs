//! longshore.

fn main() {}

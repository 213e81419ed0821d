//! Files that are named on the command line.

use std::io::Read as _;
use std::path::Path;

use crate::exit::input;

/// The text of a file, or of stdin for `-`.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| input(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text)
}

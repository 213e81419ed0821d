//! Where the records of a file go that is split by hand: a folder, or a prefix of a bucket.

mod folder;
mod prefix;

use std::fmt::Write as _;

use longshore_preprocess::{OutputError, ValueOutputs};

pub(crate) use folder::SplitFolder;
pub(crate) use prefix::SplitPrefix;

/// What takes the files of a split: they come up when all of them are whole.
pub(crate) enum SplitOutput {
    /// A folder on this machine.
    Folder(SplitFolder),
    /// Objects in a bucket.
    Prefix(Box<SplitPrefix>),
}

impl SplitOutput {
    /// Moves on what was taken, so that it holds no more than before.
    pub(crate) async fn send(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Prefix(prefix) => prefix.send().await,
        }
    }

    /// Makes all files appear, unless `stop` comes true before.
    pub(crate) async fn finish(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder) => folder.finish(),
            Self::Prefix(prefix) => prefix.finish(stop).await,
        }
    }

    /// Takes back what was begun; gives the error that was the reason, with what could not be taken back.
    pub(crate) async fn abort(self, error: anyhow::Error) -> anyhow::Error {
        match self {
            // What it made goes with it.
            Self::Folder(_) => error,
            Self::Prefix(prefix) => prefix.abort(error).await,
        }
    }
}

impl ValueOutputs for SplitOutput {
    fn write(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> Result<(), OutputError> {
        match self {
            Self::Folder(folder) => folder.append(index, value, bytes),
            Self::Prefix(prefix) => prefix.append(index, value, bytes),
        }
        .map_err(OutputError::new)
    }
}

/// The command was told to stop.
pub(crate) fn stopped() -> anyhow::Error {
    anyhow::anyhow!("stopped before the split was whole; nothing of it stays")
}

/// What the file of a value is called: letters, digits, `-` and `_` stand for themselves, any other byte is `%` and two digits,
/// and no value at all is `%`.
pub(crate) fn file_name(value: &[u8]) -> String {
    if value.is_empty() {
        return "%".to_owned();
    }
    value.iter().fold(String::new(), |mut name, &byte| {
        match byte {
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            b'-' | b'_' => name.push(char::from(byte)),
            // A String takes everything.
            byte => write!(name, "%{byte:02X}").unwrap_or_default(),
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leads_out_of_the_folder_and_no_two_share_a_name() {
        let values: [&[u8]; 9] = [b"", b".", b"..", b"a/b", b"\0", b"%", b"%00", b"\xFF", b"HD"];
        let names = values.map(file_name);
        assert_eq!(
            names,
            ["%", "%2E", "%2E%2E", "a%2Fb", "%00", "%25", "%2500", "%FF", "HD"]
        );
    }
}

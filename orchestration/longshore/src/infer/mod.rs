//! A rule for files like these: what samples say of their layout and of their columns' types.
//!
//! Nothing here asks a database. What is read off is exact: every value of every sample fits the types that are proposed. What
//! is guessed is conservative: digits with a zero in front stay text, lengths have headroom, and each guess is a remark.

mod document;
mod fixed;
mod kind;
mod layout;
mod objects;
mod sample;
mod text;

use std::path::PathBuf;

use longshore_domain::target::TableName;

pub(crate) use document::{Proposal, Tables};

use layout::Layout;
use sample::Sample;

/// What whoever asks knows better than the samples tell.
#[derive(Debug)]
pub(crate) struct Known {
    /// The number of the rule; the rules of record types count on from it.
    pub rule: i32,
    /// The number of its feed.
    pub interface: i64,
    /// The table, else one that is called after the first file.
    pub table: Option<TableName>,
    /// The one ASCII character between fields.
    pub delimiter: Option<u8>,
    /// The widths of the columns of fixed-width text.
    pub widths: Vec<u32>,
    /// Whether the first record names the columns.
    pub header: Option<bool>,
}

/// Reads the samples, all of which must be laid out alike, and proposes their rule.
///
/// # Errors
/// What is wrong with which file, and what helps.
pub(crate) fn propose(files: &[PathBuf], known: &Known) -> Result<Proposal, String> {
    let samples: Vec<Sample> = files
        .iter()
        .map(|file| Sample::read(file))
        .collect::<Result<_, _>>()?;
    let mut layout: Option<Layout> = None;
    for sample in &samples {
        let found = Layout::of(sample, known).map_err(|problem| format!("{}: {problem}", sample.path))?;
        layout = Some(match layout {
            None => found,
            Some(so_far) => so_far.join(found).map_err(|problem| {
                format!(
                    "{} is laid out otherwise than {}: {problem}",
                    sample.path, samples[0].path
                )
            })?,
        });
    }
    let layout = layout.ok_or("name one file at least")?;
    Proposal::of(&samples, layout, known)
}

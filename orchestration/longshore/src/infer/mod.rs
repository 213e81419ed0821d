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

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender chooses the name and the contents; what is proposed is reviewed and applied.
    #[test]
    fn neither_a_name_nor_a_sample_writes_into_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x\nrules: [a]\u{2028}b\u{85}PRICES_701.txt");
        std::fs::write(&path, "0001 plum\rx: y\n0002 pear\rx: y\n0003 figs\rx: y\n").unwrap();
        let known = Known {
            rule: 1,
            interface: 1,
            table: None,
            delimiter: None,
            widths: vec![],
            header: None,
        };
        let yaml = propose(&[path], &known).unwrap().yaml();
        let (remarks, _) = yaml.split_once("interfaces:\n").unwrap();
        let is_break = |one: char| matches!(one, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let lines: Vec<_> = remarks.trim_end().split(is_break).collect();
        assert!(lines.len() > 4, "{yaml}");
        assert!(lines.iter().all(|line| line.starts_with('#')), "{yaml}");
        assert!(remarks.contains(r"plum\rx: y"), "{yaml}");
    }
}

//! Edits of a text that remember where everything came from.

use std::ops::Range;

/// Replaces a range of the original by another text.
#[derive(Debug, Clone)]
struct Edit {
    range: Range<usize>,
    replacement: String,
}

/// Edits collected in any order.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<Edit>);

impl Edits {
    /// Replaces a range.
    pub(crate) fn replace(&mut self, range: Range<usize>, replacement: impl Into<String>) {
        self.0.push(Edit {
            range,
            replacement: replacement.into(),
        });
    }

    /// Puts a text in.
    pub(crate) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// Takes a range out, leaving a blank so that its neighbours stay apart.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, " ");
    }

    /// The new text. An edit inside an earlier one's range is dropped: the larger one spoke for it.
    pub(crate) fn apply(mut self, original: &str) -> Rewritten {
        self.0.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut result = Rewritten {
            text: String::with_capacity(original.len() + 64),
            origins: Vec::new(),
        };
        let mut at = 0;
        for edit in self.0 {
            if edit.range.start < at {
                continue;
            }
            result.copy(original, at..edit.range.start);
            result.origins.push(Origin {
                rewritten: result.text.len(),
                original: edit.range.start,
                copied: false,
            });
            result.text.push_str(&edit.replacement);
            at = edit.range.end;
        }
        result.copy(original, at..original.len());
        result
    }
}

/// A text and where its parts stood in the text it was made from.
#[derive(Debug, Clone)]
pub(crate) struct Rewritten {
    /// The text for PostgreSQL.
    pub(crate) text: String,
    origins: Vec<Origin>,
}

#[derive(Debug, Clone, Copy)]
struct Origin {
    rewritten: usize,
    original: usize,
    copied: bool,
}

impl Rewritten {
    fn copy(&mut self, original: &str, range: Range<usize>) {
        self.origins.push(Origin {
            rewritten: self.text.len(),
            original: range.start,
            copied: true,
        });
        self.text.push_str(&original[range]);
    }

    /// A position that PostgreSQL reports (characters, from 1), as one in the text that the caller sent.
    pub(crate) fn original_position(&self, original: &str, position: u32) -> usize {
        let characters = usize::try_from(position).unwrap_or(1).saturating_sub(1);
        let bytes = self
            .text
            .char_indices()
            .nth(characters)
            .map_or(self.text.len(), |(at, _)| at);
        let origin = self.origins.iter().rev().find(|origin| origin.rewritten <= bytes);
        let offset = origin.map_or(0, |origin| {
            origin.original
                + if origin.copied {
                    bytes - origin.rewritten
                } else {
                    0
                }
        });
        character_position(original, offset)
    }
}

/// A byte offset as PostgreSQL counts: characters, from 1.
pub(crate) fn character_position(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < offset).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_after_an_edit_is_found_in_the_original() {
        let original = "create table ä (a int encode zstd, b nonsense)";
        let mut edits = Edits::default();
        let encode = original.find("encode").unwrap();
        edits.remove(encode..encode + "encode zstd".len());
        let rewritten = edits.apply(original);
        assert_eq!(rewritten.text, "create table ä (a int  , b nonsense)");
        let there = rewritten.text.chars().position(|c| c == 'b').unwrap() + 1;
        let here = rewritten.original_position(original, u32::try_from(there).unwrap());
        assert_eq!(original.chars().nth(here - 1), Some('b'));
    }
}

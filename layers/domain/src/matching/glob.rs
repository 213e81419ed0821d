//! Texts with wildcards.

/// A text in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    /// The literal texts around the wildcards: `mm=*` is `["mm=", ""]`, `a` is `["a"]`.
    literals: Vec<String>,
}

impl Glob {
    pub(super) fn new(text: &str) -> Self {
        Self {
            literals: text.split('*').map(str::to_owned).collect(),
        }
    }

    pub(super) fn is_literal(&self) -> bool {
        self.literals.len() == 1
    }

    /// What it begins with, wildcards or not.
    pub(super) fn first_literal(&self) -> &str {
        &self.literals[0]
    }

    /// How much of it is no wildcard.
    pub(super) fn literal_characters(&self) -> usize {
        self.literals.iter().map(String::len).sum()
    }

    /// `Some` when the whole text matches; within it, what the first wildcard stood for.
    pub(super) fn matches<'text>(&self, text: &'text str) -> Option<Option<&'text str>> {
        let [first, rest @ ..] = self.literals.as_slice() else {
            return None;
        };
        let [middle @ .., last] = rest else {
            return (first == text).then_some(None);
        };
        let after_first = text.strip_prefix(first.as_str())?;
        let mut open = after_first.strip_suffix(last.as_str())?;
        let mut wild = (middle.is_empty()).then_some(open);
        for literal in middle {
            let found = open.find(literal.as_str())?;
            wild.get_or_insert(&open[..found]);
            open = &open[found + literal.len()..];
        }
        Some(wild)
    }

    /// Whether one text matches both: what is left of each pattern is compared from its front, a wildcard taking nothing or
    /// one character of the other's more.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let pattern = |glob: &Self| glob.literals.join("*").chars().collect::<Vec<_>>();
        let (one, other) = (pattern(self), pattern(other));
        let mut meets = vec![vec![false; other.len() + 1]; one.len() + 1];
        meets[one.len()][other.len()] = true;
        for i in (0..=one.len()).rev() {
            for j in (0..=other.len()).rev() {
                let (a, b) = (one.get(i), other.get(j));
                meets[i][j] |= match (a, b) {
                    (None, None) => true,
                    (Some('*'), _) if meets[i + 1][j] => true,
                    (_, Some('*')) if meets[i][j + 1] => true,
                    (Some('*'), Some(_)) => meets[i][j + 1],
                    (Some(_), Some('*')) => meets[i + 1][j],
                    (Some(a), Some(b)) => a == b && meets[i + 1][j + 1],
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
        }
        meets[0][0]
    }
}

//! docs/codes.md, checked against the source: every code, every status of a message and every state of a load has a row, and
//! no row is of one that there is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

const GUIDE: &str = include_str!("../../docs/codes.md");
/// Fewer than these are a source that is not read as it is written: then nothing would be checked.
const FEWEST: usize = 75;
/// Where all the words of a kind stand together: the file, and the text that they begin after and end before.
const LISTS: [(&str, &str, &str); 5] = [
    (
        "layers/domain/src/reject.rs",
        "pub fn code(&self)",
        "pub fn file(&self)",
    ),
    (
        "layers/app/src/prepare/fault.rs",
        "fn reason(",
        "Ok(RejectReason::Content",
    ),
    (
        "layers/app/src/finish/failure.rs",
        "fn failure_code(",
        "fn explained(",
    ),
    (
        "layers/domain/src/notification.rs",
        "pub fn as_str(self)",
        "pub fn is_success(self)",
    ),
    (
        "layers/domain/src/load.rs",
        "pub fn as_str(self)",
        "pub fn successors(self)",
    ),
];
/// Where the use cases are, which say further codes where they need them.
const USE_CASES: &str = "layers/app/src";
/// What stands before such a code; it ends before the next `;` or `}`.
const SAID_AFTER: [&str; 7] = [
    "failed(",
    ".fail(",
    "failed_set(",
    " code: ",
    " fault: ",
    "let code = ",
    "error_code: Some(",
];
/// Codes that have a name in the source, and the status of a message that is about no file.
const NAMED: [(&str, &str); 3] = [
    ("layers/app/src/finish/cancel.rs", "const CANCELLED: &str = "),
    ("layers/app/src/finish/gone.rs", "const OBJECT_GONE: &str = "),
    (
        "layers/domain/src/notification/snapshot.rs",
        "const STATUS: &str = ",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The codes that a text quotes: what is no word of small letters is something else.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    let is_code = |word: &&str| {
        !word.is_empty()
            && word
                .chars()
                .all(|character| character.is_ascii_lowercase() || character == '_')
    };
    // Between the first quote and the second, the third and the fourth …
    text.split('"')
        .skip(1)
        .step_by(2)
        .filter(is_code)
        .map(str::to_owned)
}

/// What follows each place where a text is, up to the end of the statement.
fn after<'a>(source: &'a str, text: &str) -> Vec<&'a str> {
    source
        .split(text)
        .skip(1)
        .filter_map(|rest| rest.split([';', '}']).next())
        .collect()
}

fn sources_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources_in(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Every code, status and state of the source.
fn in_the_source() -> anyhow::Result<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    for (file, first, last) in LISTS {
        let source = read(&root().join(file))?;
        let (_, rest) = source
            .split_once(first)
            .with_context(|| format!("{file}: {first}"))?;
        let (list, _) = rest.split_once(last).with_context(|| format!("{file}: {last}"))?;
        words.extend(quoted(list));
    }
    for (file, text) in NAMED {
        let source = read(&root().join(file))?;
        let said = after(&source, text);
        assert_eq!(said.len(), 1, "{file}: {text}");
        words.extend(said.into_iter().flat_map(quoted));
    }
    for file in sources_in(&root().join(USE_CASES))? {
        let source = read(&file)?;
        for text in SAID_AFTER {
            words.extend(after(&source, text).into_iter().flat_map(quoted));
        }
    }
    Ok(words)
}

/// The words in the first columns of the guide's tables.
fn in_the_guide() -> BTreeSet<String> {
    GUIDE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_code_has_a_row_that_says_what_to_do() -> anyhow::Result<()> {
    let (source, guide) = (in_the_source()?, in_the_guide());
    assert!(source.len() >= FEWEST, "{} words: {source:?}", source.len());
    let missing: Vec<_> = source.difference(&guide).collect();
    assert!(missing.is_empty(), "docs/codes.md has no row of {missing:?}");
    let outdated: Vec<_> = guide.difference(&source).collect();
    assert!(
        outdated.is_empty(),
        "docs/codes.md has rows of {outdated:?}, which nothing says"
    );
    Ok(())
}

#[test]
fn every_row_of_a_code_is_whole() {
    for row in GUIDE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!((2..=4).contains(&cells.len()), "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}

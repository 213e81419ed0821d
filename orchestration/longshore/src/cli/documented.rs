//! Every command that the guides for operators name, held against the commands that there are.

use std::fs;
use std::path::Path;

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;

const GUIDES: [&str; 3] = ["README.md", "docs/operate.md", "docs/deploy.md"];
/// What stands for something of the reader's, and a sample of it.
const PLACEHOLDERS: [(&str, &str); 13] = [
    ("ID", "1ebd3a00-c130-541e-af34-f69cd92bbfcb"),
    ("5f2c8a41-", "1ebd3a00-c130-541e-af34-f69cd92bbfcb"),
    ("R", "71"),
    ("N", "1"),
    ("T", "2026-11-26T00:00:00Z"),
    ("TEXT", "why"),
    ("ARN", "arn:aws:iam::123456789012:role/loader"),
    ("URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/q"),
    ("FILE", "file"),
    ("FIELD=VALUE", "delimiter=,"),
    ("s3://BUCKET/KEY", "s3://bucket/key"),
    ("s3://BUCKET/PREFIX", "s3://bucket/prefix"),
    ("NAME", "name"),
];

/// A command as a guide has it.
#[derive(Debug)]
struct Mention {
    text: String,
    /// A line of its own is to be typed; within a sentence a command may be meant by its name alone.
    is_line: bool,
}

/// In a guide that shows a prompt, what is typed stands behind one, and a line without is output or a summary of the command line.
fn mentions(guide: &str) -> Vec<Mention> {
    let prompt = if guide.contains("\n$ ") { "$ " } else { "" };
    let mut all = Vec::new();
    let mut in_block = false;
    for line in guide.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let typed = line.trim_start().strip_prefix(prompt).unwrap_or_default();
            let typed = typed.split(" # ").next().unwrap_or_default();
            let commands = typed.split("&&").map(str::trim);
            all.extend(
                commands
                    .filter(|command| command.starts_with("longshore "))
                    .map(|text| Mention {
                        text: text.to_owned(),
                        is_line: true,
                    }),
            );
        } else {
            // Between the first and the second backtick, the third and the fourth …
            let code = line.split('`').skip(1).step_by(2);
            all.extend(
                code.filter(|code| code.starts_with("longshore "))
                    .map(|text| Mention {
                        text: text.to_owned(),
                        is_line: false,
                    }),
            );
        }
    }
    all
}

/// The words that somebody types, with a sample for each placeholder; what may be left out is typed.
fn words(text: &str) -> Vec<String> {
    let typed = text.split(" > ").next().unwrap_or_default();
    let word = |word: &str| {
        let bare = word.trim_matches(['[', ']', '…']);
        let sample = PLACEHOLDERS.iter().find(|(name, _)| *name == bare);
        sample.map_or(bare, |(_, sample)| *sample).to_owned()
    };
    // What is quoted is one word.
    let pieces = typed.split('"').enumerate();
    pieces
        .flat_map(|(at, piece)| match at % 2 {
            0 => piece.split_whitespace().map(word).collect(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}

fn fault(mention: &Mention) -> Option<String> {
    let words = words(&mention.text);
    let error = Cli::try_parse_from(&words).err()?;
    // Who does it comes from the environment, where that says so.
    let signed = words.iter().map(String::as_str).chain(["--as", "ann"]);
    if Cli::try_parse_from(signed).is_ok() {
        return None;
    }
    let is_named_alone = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    (mention.is_line || !is_named_alone).then(|| format!("{}: {error}", mention.text))
}

#[test]
fn every_command_of_the_guides_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for guide in GUIDES {
        let mentions = mentions(&fs::read_to_string(root.join(guide)).unwrap());
        assert!(!mentions.is_empty(), "{guide} names no command");
        let faults: Vec<String> = mentions.iter().filter_map(fault).collect();
        assert!(faults.is_empty(), "{guide}:\n{}", faults.join("\n"));
    }
}

#[test]
fn a_command_that_is_none_is_found() {
    let guide = "Say `longshore load undo ID` or `longshore load replay`.\n```\nlongshore load replay\nlongshore load show ID  # one\n```\n";
    let found: Vec<bool> = mentions(guide)
        .iter()
        .map(|mention| fault(mention).is_some())
        .collect();
    assert_eq!(found, [true, false, true, false]);
    let prompted = "```\n$ longshore load show ID\n$ longshore rule apply FILE --why \"two words\"\nlongshore load show | list\n```\n";
    let mentions = mentions(prompted);
    assert_eq!(mentions.len(), 2, "{mentions:?}");
    assert!(mentions.iter().all(|mention| fault(mention).is_none()));
}

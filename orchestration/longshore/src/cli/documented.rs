//! Every command that the guides for operators and our own messages name, held against the commands that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

use super::Cli;

const GUIDES: [&str; 6] = [
    "README.md",
    "docs/operate.md",
    "docs/deploy.md",
    "docs/rules.md",
    "docs/snapshots.md",
    "docs/codes.md",
];
/// The guide that has every command on a line of its own, with its options.
const SYNOPSIS: &str = include_str!("../../../../docs/commands.md");
/// The sources whose texts tell people what to type; this one's are samples, and tests tell nobody.
const SOURCES: [&str; 3] = ["layers", "lambdas", "orchestration/longshore/src"];
const SAMPLES: &str = "documented.rs";
const TESTS: &str = "tests";
/// What commands have that change something; the synopsis says so once for all of them.
const BY_HAND: [&str; 3] = ["yes", "why", "as"];
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

/// The commands of a guide, of its blocks and of its sentences.
fn mentions(guide: &str) -> Vec<Mention> {
    // Between the first fence and the second, the third and the fourth …
    let pieces = guide.split("```").enumerate();
    pieces
        .flat_map(|(at, piece)| match at % 2 {
            0 => in_sentences(piece),
            _ => in_block(piece),
        })
        .collect()
}

/// In a block that shows a prompt, what is typed stands behind one, and a line without is output.
fn in_block(block: &str) -> Vec<Mention> {
    let lines = || block.lines().map(str::trim_start);
    let prompt = if lines().any(|line| line.starts_with("$ ")) {
        "$ "
    } else {
        ""
    };
    lines()
        .filter_map(|line| line.strip_prefix(prompt))
        .filter_map(|typed| typed.split(" # ").next())
        .flat_map(|typed| typed.split("&&").flat_map(|command| command.split(" | ")))
        .map(str::trim)
        .filter(|command| command.starts_with("longshore "))
        .map(|text| Mention {
            text: text.to_owned(),
            is_line: true,
        })
        .collect()
}

fn in_sentences(text: &str) -> Vec<Mention> {
    // Between the first and the second backtick, the third and the fourth …
    let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    code.filter(|code| code.starts_with("longshore "))
        .map(|text| Mention {
            text: text.to_owned(),
            is_line: false,
        })
        .collect()
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

/// The commands that do something, by all of their words, each with its options.
fn commands(of: &Command, words: &str) -> Vec<(String, BTreeSet<String>)> {
    if of.has_subcommands() {
        let subcommands = of.get_subcommands();
        return subcommands
            .flat_map(|command| commands(command, &format!("{words} {}", command.get_name())))
            .collect();
    }
    let options = of
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .filter(|option| !BY_HAND.contains(option))
        .map(str::to_owned)
        .collect();
    vec![(words.to_owned(), options)]
}

#[test]
fn the_synopsis_has_every_command_with_its_options() {
    let commands = commands(&Cli::command(), "longshore");
    let lines: Vec<&str> = SYNOPSIS
        .lines()
        .filter(|line| line.starts_with("longshore "))
        .collect();
    assert_eq!(
        lines.len(),
        commands.len(),
        "docs/commands.md has another number of commands"
    );
    for (words, options) in commands {
        let of_command = |line: &&&str| {
            line.strip_prefix(&*words)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let line = lines.iter().find(of_command).unwrap_or(&"");
        let shown: BTreeSet<String> = line
            .split([' ', '[', ']', ','])
            .filter_map(|word| word.strip_prefix("--"))
            .map(str::to_owned)
            .collect();
        assert_eq!(shown, options, "docs/commands.md, {words}: {line}");
    }
}

fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let (folders, files): (Vec<_>, Vec<_>) = entries
        .map(|entry| entry.unwrap().path())
        .partition(|path| path.is_dir());
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.ends_with(SAMPLES))
        .chain(
            folders
                .iter()
                .filter(|folder| !folder.ends_with(TESTS))
                .flat_map(|folder| sources_in(folder)),
        )
        .collect()
}

/// The commands that the texts of a source say to type: what a text begins with, or what stands behind a colon.
fn said(source: &str) -> Vec<String> {
    // A text that goes on in the next line is one.
    let mut lines = source.split("\\\n");
    let first = lines.next().unwrap_or_default();
    let text: String = std::iter::once(first).chain(lines.map(str::trim_start)).collect();
    let pieces: Vec<&str> = text.split("longshore ").collect();
    let ends = ['"', '\'', '`', ';', '(', ',', '.', '…', '\\', '\n'];
    pieces
        .windows(2)
        .filter(|pair| pair[0].ends_with(": ") || pair[0].ends_with('"'))
        .filter_map(|pair| pair[1].split(ends).next())
        .map(str::to_owned)
        .collect()
}

/// What is wrong with such a command: whoever types it as it stands must not be asked for more. What its values are is not looked
/// at: the program fills them in.
fn slip(cli: &Command, said: &str) -> Option<String> {
    let mut command = cli;
    let mut options = BTreeSet::new();
    let mut values = 0;
    let mut words = said.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(option) = word.strip_prefix("--") {
            let mut arguments = command.get_arguments().chain(cli.get_arguments());
            let Some(known) = arguments.find(|argument| argument.get_long() == Some(option)) else {
                return Some(format!("longshore {said} (there is no {word})"));
            };
            options.insert(option);
            if known.get_action().takes_values() {
                words.next();
            }
        } else if let Some(subcommand) = command.find_subcommand(word) {
            command = subcommand;
        } else {
            values += 1;
        }
    }
    if command.has_subcommands() {
        return Some(format!("longshore {said} (there is no such command)"));
    }
    let lacks = lacking(command, &options, values)?;
    Some(format!("longshore {said} (it lacks {lacks})"))
}

/// The first argument that a command asks for and that is not given.
fn lacking(command: &Command, options: &BTreeSet<&str>, values: usize) -> Option<String> {
    let needed = || {
        command
            .get_arguments()
            .filter(|argument| argument.is_required_set())
    };
    let option = needed()
        // Who does it comes from the environment.
        .filter(|argument| argument.get_env().is_none())
        .filter_map(|argument| argument.get_long())
        .find(|option| !options.contains(option));
    let value = || {
        let positionals = needed().filter(|argument| argument.is_positional());
        positionals
            .skip(values)
            .map(|argument| argument.get_id().to_string())
            .next()
    };
    option.map(|option| format!("--{option}")).or_else(value)
}

#[test]
fn every_command_that_a_message_names_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cli = Cli::command();
    let mut seen = 0;
    let mut faults = String::new();
    for path in SOURCES.iter().flat_map(|folder| sources_in(&root.join(folder))) {
        let said = said(&fs::read_to_string(&path).unwrap());
        seen += said.len();
        for slip in said.iter().filter_map(|said| slip(&cli, said)) {
            faults.push_str(&format!("{}: {slip}\n", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(seen > 50, "{seen} commands");
}

#[test]
fn a_slip_in_a_message_is_found() {
    let source = "\"mend it, then: longshore load \\\n    replay {id} --wy TEXT\" \"longshore load undo ID\" \"stop it with: longshore load cancel {id}\" \"see: longshore load show\" \
                  \"a longshore of the harbour\"";
    let slips: Vec<String> = said(source)
        .iter()
        .filter_map(|said| slip(&Cli::command(), said))
        .collect();
    assert_eq!(
        slips,
        [
            "longshore load replay {id} --wy TEXT (there is no --wy)",
            "longshore load undo ID (there is no such command)",
            "longshore load cancel {id} (it lacks --why)",
            "longshore load show (it lacks id)",
        ]
    );
}

#[test]
fn a_command_that_is_none_is_found() {
    let guide = "Say `longshore load undo ID` or `longshore load replay`.\n```\nlongshore load replay\nlongshore load show ID  # one\n```\n";
    let found: Vec<bool> = mentions(guide)
        .iter()
        .map(|mention| fault(mention).is_some())
        .collect();
    assert_eq!(found, [true, false, true, false]);
    let prompted = "```\n$ longshore load show ID | longshore local sql\n$ longshore rule apply FILE --why \"two words\"\nlongshore load show | list\n```\n";
    let mentions = mentions(prompted);
    assert_eq!(mentions.len(), 3, "{mentions:?}");
    assert!(mentions.iter().all(|mention| fault(mention).is_none()));
}

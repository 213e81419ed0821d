//! `rule`: what is loaded, and how.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use longshore_domain::queue::QueueName;
use longshore_domain::target::TableName;

use super::HandArguments;
use super::value::{parse_size, parse_table};

#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// List the active rules, and what is wrong with each.
    List(RuleFilter),
    /// Say everything that is wrong with the active rules, each by itself and all together.
    Lint {
        /// Only these rules.
        #[arg(value_name = "RULE")]
        rules: Vec<i32>,
    },
    /// Show a rule, and when and by whom it was changed.
    Show {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
        /// As it was in this version; `load show` says which one a load ran under.
        #[arg(long, value_name = "N")]
        version: Option<i32>,
    },
    /// Print the tables of rules as the YAML document that `rule apply` takes.
    Export {
        /// Only these rules, and what they refer to.
        #[arg(value_name = "RULE")]
        rules: Vec<i32>,
    },
    /// Propose a rule for files like these: a document for `rule apply`, with the columns' types.
    ///
    /// Delimited text, CSV, fixed width, JSON, Avro, Parquet and ORC; gzip, bzip2 and zstd are unpacked. Files of one rule may be named
    /// together. No database is asked.
    Infer(InferArguments),
    /// Print the statements that make the tables of a rule: stage, target, and rows at fault.
    Ddl {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
    },
    /// Bring the tables to what a YAML document says. Rules that it does not name stay as they are.
    Apply {
        /// The document; - reads stdin.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Make a rule.
    Add {
        /// Fields by their columns' names, such as file_prefix=701. and columns=ndc,price:10; `rule export` shows all.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Change fields of a rule; FIELD= empties one.
    Edit {
        /// The rule's number.
        #[arg(value_name = "RULE")]
        rule: i32,
        /// Fields by their columns' names.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Let the files of rules wait. Those that are prepared already are loaded.
    Pause {
        /// The rules' numbers.
        #[arg(value_name = "RULE", required = true)]
        rules: Vec<i32>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Let rules work again, and the files that waited go on.
    Resume {
        /// The rules' numbers.
        #[arg(value_name = "RULE", required = true)]
        rules: Vec<i32>,
        #[command(flatten)]
        hand: HandArguments,
    },
    /// Say which rule an object falls under, which it does not, and why.
    Explain {
        /// The object: s3://bucket/key. It need not exist.
        #[arg(value_name = "URL")]
        url: String,
        /// The queue that brings it, by its name or ARN: a rule of that queue goes before any other.
        #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
        queue: Option<QueueName>,
        /// Say too how a file of the length of --size is prepared under its rule, and what that costs: requests, bytes, memory, seconds
        /// and dollars.
        #[arg(long, requires = "size")]
        plan: bool,
        /// The length: a number of bytes, or one of KiB, MiB, GiB or TiB, such as 100MiB.
        #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "plan")]
        size: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RuleFilter {
    /// Only rules of this feed, by its number or name.
    #[arg(long, value_name = "FEED")]
    pub interface: Option<String>,
    /// Only rules that take what this queue brings, by its name or ARN.
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
    pub queue: Option<QueueName>,
    /// Only rules that stand so.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub status: Option<RuleStatus>,
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleStatus {
    /// Nothing is wrong with it.
    Sound,
    /// Something is; its files are refused.
    Faulty,
    /// Its files wait.
    Paused,
    /// It is switched off: no rule for any file.
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct InferArguments {
    /// The samples, called as the files will be.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The number of the rule; rules of record types count on from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rule: i32,
    /// The number of its feed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub interface: i64,
    /// The table: schema.table. Without it, one that is called after the first file.
    #[arg(long, value_name = "TABLE", value_parser = parse_table)]
    pub table: Option<TableName>,
    /// What stands between fields, where the guess is wrong: one character, or \t.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    pub delimiter: Option<u8>,
    /// The widths of columns of fixed width, in characters.
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "delimiter", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub widths: Vec<u32>,
    /// Whether the first record names the columns, where the guess is wrong.
    #[arg(long, value_enum, value_name = "WHETHER")]
    pub header: Option<HasHeader>,
    /// Print the statements that make the tables instead of the document.
    #[arg(long)]
    pub ddl: bool,
}

/// Whether samples have a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HasHeader {
    /// The first record names the columns.
    Yes,
    /// The first record is data.
    No,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"' | 0) => Ok(*byte),
        _ => Err("write one ASCII character, or \\t".to_owned()),
    }
}

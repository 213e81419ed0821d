//! What became of one file: its load, its parts, its audit rows, its messages; and how it came to be, for the failure of a
//! test.

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use longshore_testkit::LocalStack;
use serde_json::Value;

use super::World;
use super::world::Stack;

/// Log lines that a failing test shows.
const SHOWN_LINES: usize = 15;
const FUNCTIONS: [&str; 2] = ["external-file-process", "external-file-process-logging"];

/// A row of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Load(Value);

impl Load {
    pub(super) fn new(row: Value) -> Self {
        Self(row)
    }

    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        self.0[column].as_str()
    }

    pub(crate) fn number(&self, column: &str) -> Option<u64> {
        self.0[column].as_u64()
    }

    pub(crate) fn value(&self, column: &str) -> &Value {
        &self.0[column]
    }

    pub(crate) fn id(&self) -> &str {
        self.text("load_id").unwrap_or_default()
    }

    pub(crate) fn state(&self) -> &str {
        self.text("state").unwrap_or_default()
    }

    pub(super) fn is_part(&self) -> bool {
        !self.0["parent_load_id"].is_null()
    }

    /// Nothing is left to do, and everybody was told.
    pub(crate) fn is_settled(&self) -> bool {
        !self.0["finished_at"].is_null() && self.number("unsent") == Some(0)
    }
}

/// A load with everything that is on record about it.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) load: Load,
    /// The loads of its record types.
    pub(crate) parts: Vec<Story>,
    pub(crate) audit: Vec<Value>,
    /// The bodies of the messages on the queue, with `subject` and `attributes`.
    pub(crate) messages: Vec<Value>,
    /// The rows that the warehouse refused.
    pub(crate) row_errors: Vec<Value>,
    history: Vec<String>,
    stack: Arc<Stack>,
}

impl Story {
    /// Gathers what is on record about loads; parts go to their files.
    pub(super) async fn gather(world: &World, loads: Vec<Load>) -> anyhow::Result<Vec<Self>> {
        let mut stories: Vec<Self> = Vec::new();
        for load in loads {
            let is_part = load.is_part();
            let story = Self::of(world, load).await?;
            match stories.last_mut().filter(|_| is_part) {
                Some(whole) => whole.parts.push(story),
                None => stories.push(story),
            }
        }
        Ok(stories)
    }

    async fn of(world: &World, load: Load) -> anyhow::Result<Self> {
        let messages = world.stack.mailbox.about(world, load.id()).await?;
        let about = |table: &str, order: &str| {
            format!(
                "SELECT to_jsonb(t) FROM rdscnfg.{table} AS t WHERE load_id = '{}' ORDER BY {order}",
                load.id()
            )
        };
        let audit = world
            .control_rows(&about("ext_file_audit", "ext_file_audit_sid"))
            .await?;
        let row_errors = world
            .control_rows(&about("ext_load_row_error", "line_number"))
            .await?;
        let history = world
            .control_rows(&about("ext_file_load_history", "history_id"))
            .await?;
        let told = |change: &Value| format!("{} {} {}", change["at"], change["to_state"], change["note"]);
        Ok(Self {
            history: history.iter().map(told).collect(),
            parts: vec![],
            stack: Arc::clone(&world.stack),
            load,
            audit,
            messages,
            row_errors,
        })
    }

    pub(crate) fn state(&self) -> &str {
        self.load.state()
    }

    pub(crate) fn key(&self) -> &str {
        self.load.text("object_key").unwrap_or_default()
    }

    pub(crate) fn file_name(&self) -> &str {
        self.load.text("file_name").unwrap_or_default()
    }

    pub(crate) fn error(&self) -> &str {
        self.load.text("error").unwrap_or_default()
    }

    /// The load of a record type.
    pub(crate) fn part(&self, record_type: &str) -> anyhow::Result<&Self> {
        self.parts
            .iter()
            .find(|part| part.load.text("record_type") == Some(record_type))
            .with_context(|| format!("there is no part {record_type}: {self}"))
    }

    /// The load that brings the file to a target.
    pub(crate) fn delivery(&self, target: &str) -> anyhow::Result<&Self> {
        self.parts
            .iter()
            .find(|part| part.load.text("target_name") == Some(target))
            .with_context(|| format!("there is no delivery to {target}: {self}"))
    }

    /// Without the messages that were published again, word for word: whoever dies between telling and noting it tells again.
    pub(crate) fn without_repeats(mut self) -> Self {
        let mut told: Vec<Value> = Vec::new();
        for message in self.messages.drain(..) {
            if !told.contains(&message) {
                told.push(message);
            }
        }
        self.messages = told;
        self
    }

    /// The one audit row.
    #[track_caller]
    pub(crate) fn audit_row(&self) -> &Value {
        assert_eq!(self.audit.len(), 1, "one audit row was expected: {self}");
        &self.audit[0]
    }

    /// The one message.
    #[track_caller]
    pub(crate) fn message(&self) -> &Value {
        assert_eq!(self.messages.len(), 1, "one message was expected: {self}");
        &self.messages[0]
    }

    /// Loaded and complete: state, audit row and one message agree on the number of rows.
    #[track_caller]
    pub(crate) fn assert_loaded(&self, rows: u64) {
        assert_eq!(self.state(), "complete", "{self}");
        assert_eq!(self.load.number("rows_loaded"), Some(rows), "{self}");
        let audit = self.audit_row();
        assert_eq!(audit["file_process_status"], "FINISHED", "{self}");
        assert_eq!(audit["file_prcsd_flag"], "Y", "{self}");
        assert_eq!(audit["rows_loaded"], rows, "{self}");
        let message = self.message();
        assert_eq!(message["status"], "loaded", "{self}");
        assert_eq!(message["rows_loaded"], rows, "{self}");
    }

    /// Refused with this word, in the ledger, the audit and one message, all of which hold these words of the sentence.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: &str, says: &[&str]) {
        assert_eq!(self.state(), "rejected", "{self}");
        assert_eq!(self.load.text("error_code"), Some(code), "{self}");
        for words in says {
            assert!(self.error().contains(words), "{words:?} is not said: {self}");
        }
        let message = self.message();
        assert_eq!(message["status"], "rejected", "{self}");
        assert_eq!(message["error_code"], code, "{self}");
        assert_eq!(message["error"], self.error(), "{self}");
        if self.load.value("ext_interface_cid").is_null() {
            assert!(self.audit.is_empty(), "{self}");
            return;
        }
        let audit = self.audit_row();
        assert_eq!(audit["file_process_status"], "FAILED", "{self}");
        assert_eq!(audit["file_prcsd_flag"], "N", "{self}");
        assert_eq!(audit["error_msg"], self.error(), "{self}");
    }

    /// The file is gone from where it landed, and lies byte for byte in this folder of the archive.
    pub(crate) async fn assert_archived(
        &self,
        world: &World,
        folder: &str,
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let ready = world.ready();
        let archived = self.load.text("archived_key").unwrap_or_default();
        let begins = format!("{}/{folder}/{}_", ready.archive_folder, self.file_name());
        assert!(
            archived.starts_with(&begins),
            "{archived} does not begin with {begins}: {self}"
        );
        let found = world.get(archived).await?;
        assert_eq!(
            found.as_deref(),
            Some(bytes),
            "{archived} holds other bytes: {self}"
        );
        assert_eq!(
            world.get(self.key()).await?,
            None,
            "the source is still there: {self}"
        );
        let work = format!("{}/{}/", ready.processing_folder, self.load.id());
        assert_eq!(
            world.keys_in(&work).await?,
            Vec::<String>::new(),
            "work was left behind: {self}"
        );
        Ok(())
    }

    /// The file lies where it landed.
    pub(crate) async fn assert_stays(&self, world: &World) -> anyhow::Result<()> {
        assert!(
            world.get(self.key()).await?.is_some(),
            "the file was moved: {self}"
        );
        assert_eq!(self.load.text("archived_key"), None, "{self}");
        Ok(())
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\nload {:#}", self.load.0)?;
        writeln!(formatter, "history:\n    {}", self.history.join("\n    "))?;
        writeln!(formatter, "audit: {}", Value::from(self.audit.clone()))?;
        writeln!(formatter, "messages: {}", Value::from(self.messages.clone()))?;
        for part in &self.parts {
            write!(formatter, "part {part}")?;
        }
        write!(formatter, "{}", log_tail(&self.stack.local, Some(self.load.id())))
    }
}

/// The last lines that the functions printed, about one load when it is given.
pub(super) fn log_tail(stack: &LocalStack, load_id: Option<&str>) -> String {
    let mut tail = String::new();
    for function in FUNCTIONS {
        let log = stack.function_log(function).unwrap_or_default();
        let wanted = |line: &&str| load_id.is_none_or(|id| line.contains(id));
        let lines: Vec<&str> = log.lines().filter(wanted).collect();
        let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        tail.push_str(&format!("{function} printed:\n    {}\n", last.join("\n    ")));
    }
    tail
}

//! The rule that snapshots of one table are loaded under: found again by its queue, or made as any rule is, judged with all
//! others in its place.

use longshore_domain::object::ObjectKey;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{RuleId, RuleRow};
use longshore_store::{Changed, Operator, RuleBook, Sheet};
use serde_json::Value;

use super::{CheckedSnapshot, SnapshotLoad};
use crate::AppError;
use crate::operate::Judged;
use crate::rules::change::{Meant, Rehearsed, places, rehearse};
use crate::rules::draft::{Catalog, Draft, Entry, Field};
use crate::rules::own;
use crate::rules::plan::make;
use crate::rules::{Fault, Faults};

/// The feed that snapshots belong to which are loaded by hand.
const FEED: &str = "snapshots";
/// So often the rule is drafted anew when others change rules meanwhile.
const MOST_TRIES: u32 = 20;
/// Fields of a row that are numbered anew or kept by the database.
const IN_THE_DATABASE: [&str; 4] = [
    "ext_file_config_sid",
    "ext_interface_cid",
    "interface_name",
    "rule_version",
];

impl SnapshotLoad<'_> {
    /// Makes the rule that a snapshot is loaded under, unless it is there. Of several that are made at once each gets a number of
    /// its own, and of two for the same loads the second finds the first one's.
    ///
    /// # Errors
    /// What the control database answers.
    pub async fn make_rule(
        &self,
        checked: &CheckedSnapshot,
        operator: &Operator,
    ) -> Result<Judged<RuleId>, AppError> {
        let store = &self.app.store;
        let queue = QueueName::stored(checked.row.queue_name.clone().unwrap_or_default());
        let catalog = Catalog(store.rule_catalog().await?);
        for _ in 0..MOST_TRIES {
            if let Some(rule) = self.find_rule(&queue).await? {
                return Ok(Ok(rule));
            }
            let number = store.next_rule().await?;
            let seen = store.rule_book(Some(&[number])).await?;
            if !seen.rules.is_empty() {
                continue;
            }
            let draft = self.draft(number, &checked.row, &seen);
            let plan = match make(&draft, seen, &catalog) {
                Ok(plan) => plan,
                Err(list) => return Ok(Err(refusal(list))),
            };
            let Rehearsed { changed, faults, .. } =
                rehearse(store, &catalog, &plan, operator, Meant::ToStay).await?;
            // A second rule of one queue is refused: somebody else may have made it since we looked.
            if changed == Changed::Undone && self.find_rule(&queue).await?.is_none() {
                return Ok(Err(refusal(places(&faults, &draft))));
            }
        }
        Ok(Err(
            "others change rules all the time just now; try again".to_owned()
        ))
    }

    async fn find_rule(&self, queue: &QueueName) -> Result<Option<RuleId>, AppError> {
        let key = ObjectKey::new("snapshot");
        let rows = self.app.store.candidate_rules(&key, Some(queue)).await?;
        let found = rows
            .iter()
            .find(|row| row.queue_name.as_deref() == Some(queue.as_str()));
        Ok(found.map(|row| RuleId(row.ext_file_config_sid)))
    }

    /// The rule, and its feed where there is none yet, as somebody would write them.
    fn draft(&self, number: i32, row: &RuleRow, seen: &RuleBook) -> Draft {
        let mut draft = Draft::default();
        let feed = match &self.input.feed {
            Some(feed) => feed.clone(),
            None => own::feed(FEED, seen, &mut draft),
        };
        let mut rule = Entry::default();
        let mut set = |field: &str, text: String| {
            let text = Some(text);
            rule.fields.insert(field.to_owned(), Field { line: 0, text });
        };
        set("ext_file_config_sid", number.to_string());
        set("ext_interface_cid", feed);
        if let Some(target) = self.input.target {
            set("ext_target_sid", target.to_string());
        }
        let fields = serde_json::json!(row);
        let said = fields.as_object().into_iter().flatten();
        for (field, value) in said.filter(|(field, _)| !IN_THE_DATABASE.contains(&field.as_str())) {
            match value {
                Value::String(text) => set(field, text.clone()),
                Value::Number(number) => set(field, number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
            }
        }
        let columns = row.columns.iter();
        rule.columns = columns
            .map(|column| own::entry([("column_name", column.column_name.as_str())]))
            .collect();
        draft.entries.insert(Sheet::Rule, vec![rule]);
        draft
    }
}

fn refusal(list: Vec<Fault>) -> String {
    let name = "snapshot load".to_owned();
    Faults { name, list }.to_string()
}

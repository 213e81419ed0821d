//! The rule of a bulk load: found again by its queue, or made as any rule is, judged with all others in its place.

use longshore_domain::object::ObjectKey;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{MOST_BATCH_FILES, RuleId};
use longshore_store::{Changed, RuleBook, Sheet};
use uuid::Uuid;

use super::heap::Heap;
use super::target::Placed;
use super::{BulkRun, Settled};
use crate::rules::change::{Meant, Rehearsed, places, rehearse};
use crate::rules::draft::{Catalog, Draft, Entry, assign};
use crate::rules::own;
use crate::rules::plan::{Step, make};
use crate::rules::{Fault, Faults};
use crate::{AppError, Judged};

/// The feed that every bulk load belongs to.
const FEED: &str = "bulk loads";
/// What is left over waits so long for more.
const BATCH_SECONDS: u32 = 60;
/// So often the rule is drafted anew when others change rules meanwhile.
const MOST_TRIES: u32 = 10;

/// The rule of one bulk load.
pub(super) struct BulkRule<'a> {
    pub(super) run: &'a BulkRun<'a>,
    pub(super) load: &'a Settled,
    pub(super) heap: Heap,
    pub(super) meant: Meant,
}

/// The rule, if it is there by now, and what making it changed or would change.
pub(super) type Found = (Option<RuleId>, Vec<Step>);

impl Settled {
    /// The same load has the same queue, whoever asks for it.
    fn queue(&self, target: Option<i32>) -> QueueName {
        let Self { load, format, .. } = self;
        let said = format!(
            "{}\n{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
            load.path,
            load.table,
            format,
            self.file_type,
            load.columns,
            load.merge_key,
            load.merge_order,
            target,
            load.fields
        );
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, said.as_bytes());
        QueueName::stored(format!("bulk-{}", id.simple()))
    }
}

impl BulkRule<'_> {
    /// Of several that are made at once each gets a number of its own, and of two for the same load the second finds the
    /// first one's.
    pub(super) async fn find_or_make(&self) -> Result<Judged<Found>, AppError> {
        let store = &self.run.app.store;
        let catalog = Catalog(store.rule_catalog().await?);
        for _ in 0..MOST_TRIES {
            let number = store.next_rule().await?;
            let seen = store.rule_book(Some(&[number])).await?;
            let own = &self.run.app.config.warehouse;
            let placed = self.load.load.target.place(own, &seen);
            let queue = self.load.queue(placed.number);
            if let Some(rule) = self.find(&queue).await? {
                return Ok(Ok((Some(rule), Vec::new())));
            }
            if !seen.rules.is_empty() {
                continue;
            }
            let draft = self.draft(number, placed, &queue, &seen, &catalog);
            let planned = draft.and_then(|draft| Ok((make(&draft, seen, &catalog)?, draft)));
            let (plan, draft) = match planned {
                Ok(planned) => planned,
                Err(list) => return Ok(Err(refusal(list))),
            };
            let Rehearsed { changed, faults, .. } =
                rehearse(store, &catalog, &plan, self.run.operator, self.meant).await?;
            // Whoever asks for the same at the same moment may have been first.
            if let Some(rule) = self.find(&queue).await? {
                return Ok(Ok((Some(rule), plan.steps)));
            }
            match changed {
                Changed::Meanwhile => {}
                Changed::Kept | Changed::Undone if faults.is_empty() => return Ok(Ok((None, plan.steps))),
                Changed::Kept | Changed::Undone => return Ok(Err(refusal(places(&faults, &draft)))),
            }
        }
        Ok(Err(
            "others change rules all the time just now; try again".to_owned()
        ))
    }

    async fn find(&self, queue: &QueueName) -> Result<Option<RuleId>, AppError> {
        let store = &self.run.app.store;
        let rows = store
            .candidate_rules(&ObjectKey::new("bulk"), Some(queue))
            .await?;
        let found = rows
            .iter()
            .find(|row| row.queue_name.as_deref() == Some(queue.as_str()));
        Ok(found.map(|row| RuleId(row.ext_file_config_sid)))
    }

    /// The rule, and its feed and target where there are none yet, as somebody would write them.
    fn draft(
        &self,
        number: i32,
        placed: Placed,
        queue: &QueueName,
        seen: &RuleBook,
        catalog: &Catalog,
    ) -> Result<Draft, Vec<Fault>> {
        let mut draft = Draft::default();
        let feed = own::feed(FEED, seen, &mut draft);
        let mut rule = Entry::default();
        let target = placed.number;
        assign(&mut rule, &self.fields(number, &feed, target, queue), catalog)?;
        if let Some(target) = placed.new {
            draft.entries.insert(Sheet::Target, vec![target]);
        }
        draft.entries.insert(Sheet::Rule, vec![rule]);
        Ok(draft)
    }

    fn fields(&self, number: i32, feed: &str, target: Option<i32>, queue: &QueueName) -> Vec<String> {
        let Self {
            load: settled, heap, ..
        } = self;
        let load = &settled.load;
        let mut fields = Vec::new();
        let mut set = |field: &str, value: &dyn std::fmt::Display| fields.push(format!("{field}={value}"));
        set("ext_file_config_sid", &number);
        set("ext_interface_cid", &feed);
        set("tgt_schema_name", &load.table.schema);
        set("tgt_table_name", &load.table.table);
        set("file_prefix", &format!("{queue}."));
        set("queue_name", queue);
        set("file_format", &settled.format);
        set("file_type", &settled.file_type);
        for flag in ["header_flag", "trailer_flag", "split_file_flag", "archive_flag"] {
            set(flag, &"N");
        }
        set("file_name_column", &"");
        set("batch_files", &MOST_BATCH_FILES);
        set("batch_bytes", &heap.batch_bytes());
        set("batch_seconds", &BATCH_SECONDS);
        if let Some(keys) = &load.merge_key {
            set("load_mode", &"merge");
            set("merge_keys", keys);
        }
        if let Some(order) = &load.merge_order {
            set("merge_order", order);
        }
        if let Some(target) = target {
            set("ext_target_sid", &target);
        }
        set("columns", &load.columns.join(","));
        fields.extend(load.fields.iter().cloned());
        fields
    }
}

fn refusal(list: Vec<Fault>) -> String {
    let name = "bulk load".to_owned();
    Faults { name, list }.to_string()
}

//! `dlq list`, `dlq redrive`, `dlq delete` and `dlq history`: announcements that no function could take.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_runtime::envelope::{self, Delivery};
use longshore_runtime::wiring::{QueueMessage, Queues};
use longshore_store::{DeadLetter, DeadLetterDeed, DeadLetterOperation, Operator, Store};
use serde::Serialize;
use serde_json::Value;

use super::cells::moment;
use super::dry_run::Earnest;
use crate::cli::{DlqArguments, DlqCommand, HandArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// While it is looked at, a message is hidden, so that it is seen once. Should we die, it comes back after this.
const HIDDEN: Duration = Duration::from_secs(120);

/// A dead letter, and what would be done with it or was.
#[derive(Debug, Serialize)]
struct Letter {
    id: String,
    /// What it announces, or what is wrong with it.
    about: Vec<String>,
    #[serde(skip)]
    is_announcement: bool,
    sent_at: Option<DateTime<Utc>>,
    receives: u32,
    /// The ARN of the queue that gave it up.
    dead_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Letter {
    fn of(message: &QueueMessage) -> Self {
        let (is_announcement, about) = about(&message.body);
        Self {
            id: message.id.clone(),
            about,
            is_announcement,
            sent_at: message.sent_at,
            receives: message.receives,
            dead_of: message.dead_of.clone(),
            outcome: None,
            refused: None,
        }
    }

    fn row(&self, now: DateTime<Utc>) -> Vec<String> {
        let queue = self.dead_of.as_deref().and_then(|arn| arn.rsplit(':').next());
        vec![
            self.id.clone(),
            self.about.join(", "),
            self.sent_at.map(moment).unwrap_or_default(),
            self.sent_at.map(|sent| age(now - sent)).unwrap_or_default(),
            self.receives.to_string(),
            queue.unwrap_or_default().to_owned(),
        ]
    }
}

/// What a message is about, and whether the intake can do anything with it.
fn about(body: &str) -> (bool, Vec<String>) {
    let Ok(event) = serde_json::from_str::<Value>(body) else {
        return (false, vec!["a text that is no JSON".to_owned()]);
    };
    if let Some(statement) = statement(&event) {
        return (false, vec![format!("the end of statement {statement}")]);
    }
    let records: Vec<_> = envelope::decode(&event)
        .into_iter()
        .flat_map(|Delivery { records, .. }| records)
        .collect();
    let is_announcement = records.iter().any(Result::is_ok);
    let about: Vec<_> = records
        .into_iter()
        .map(|record| record.map_or_else(|malformed| malformed.to_string(), |found| found.object.url()))
        .collect();
    match about.is_empty() {
        true => (false, vec!["an event that announces no object".to_owned()]),
        false => (is_announcement, about),
    }
}

/// The statement of a status event, bare or as Lambda writes down an invocation that failed.
fn statement(event: &Value) -> Option<&str> {
    let event = event.get("requestPayload").unwrap_or(event);
    (event.get("source")?.as_str()? == "aws.redshift-data")
        .then(|| event.pointer("/detail/statementId")?.as_str())
        .flatten()
}

fn age(age: TimeDelta) -> String {
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (days, ..) => format!("{days} d"),
    }
}

/// The queue of dead letters, while it is looked through.
struct DeadLetters {
    queues: Queues,
    url: String,
}

impl DeadLetters {
    async fn of(
        arguments: DlqArguments,
        deployment: &Deployment,
    ) -> anyhow::Result<(Self, Vec<QueueMessage>)> {
        let (queues, url) = deployment.dead_letters(arguments.queue).await?;
        let letters = Self { queues, url };
        let messages = letters.receive(arguments.limit).await?;
        Ok((letters, messages))
    }

    async fn receive(&self, limit: usize) -> anyhow::Result<Vec<QueueMessage>> {
        let mut messages = Vec::new();
        while messages.len() < limit {
            let more = self.queues.receive(&self.url, HIDDEN).await?;
            if more.is_empty() {
                break;
            }
            messages.extend(more);
        }
        for beyond in messages.iter().skip(limit) {
            self.queues.show_again(&self.url, beyond).await?;
        }
        messages.truncate(limit);
        Ok(messages)
    }

    async fn redrive(&self, message: &QueueMessage, to: &str) -> anyhow::Result<()> {
        Ok(self.queues.move_to(to, &self.url, message).await?)
    }
}

/// Carries out a `dlq` command.
pub(crate) async fn run(
    command: DlqCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        DlqCommand::List(arguments) => list(arguments, deployment, output).await,
        DlqCommand::Redrive {
            to,
            ids,
            arguments,
            hand,
        } => {
            let deed = Deed::of(What::SendBack { to }, ids, hand, deployment).await?;
            deed.run(arguments, deployment, output).await
        }
        DlqCommand::Delete { ids, arguments, hand } => {
            let deed = Deed::of(What::Delete, ids, hand, deployment).await?;
            deed.run(arguments, deployment, output).await
        }
        DlqCommand::History { limit } => history(&deployment.store().await?, limit, output).await,
    }
}

async fn history(store: &Store, limit: u32, output: Output) -> anyhow::Result<ExitStatus> {
    let done = store.dead_letter_operations(limit).await?;
    if output.is_json() {
        output.json(&done)?;
        return Ok(ExitStatus::Done);
    }
    let row = |done: &DeadLetterOperation| {
        vec![
            moment(done.at),
            done.deed.as_str().to_owned(),
            done.letter.message_id.clone(),
            done.letter.about.clone(),
            done.operator.clone(),
            done.reason.clone(),
        ]
    };
    let header = ["at", "what", "message", "about", "by", "why"];
    output.table(&header, done.iter().map(row).collect())?;
    Ok(ExitStatus::Done)
}

async fn list(
    arguments: DlqArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let (dead, messages) = DeadLetters::of(arguments, deployment).await?;
    let letters: Vec<_> = messages.iter().map(Letter::of).collect();
    for message in &messages {
        dead.queues.show_again(&dead.url, message).await?;
    }
    if output.is_json() {
        output.json(&letters)?;
    } else {
        let now = Utc::now();
        let header = ["message", "about", "sent", "age", "received", "from"];
        output.table(&header, letters.iter().map(|letter| letter.row(now)).collect())?;
    }
    Ok(ExitStatus::Done)
}

/// What is done to messages.
enum What {
    /// Announcements go to this queue, or to the one that gave them up.
    SendBack {
        to: Option<String>,
    },
    Delete,
}

/// It, to these messages (none: to all).
struct Deed {
    what: What,
    ids: Vec<String>,
    /// Where it is put on record before it is done; none where it is only told.
    record: Option<Store>,
    operator: Operator,
    earnest: Earnest,
}

impl Deed {
    async fn of(
        what: What,
        ids: Vec<String>,
        hand: HandArguments,
        deployment: &Deployment,
    ) -> anyhow::Result<Self> {
        let earnest = Earnest::of(&hand);
        let record = match earnest {
            Earnest::Done => Some(deployment.store().await?),
            Earnest::Told => None,
        };
        Ok(Self {
            what,
            ids,
            record,
            operator: hand.operator(),
            earnest,
        })
    }

    /// Puts on record what is about to be done; false where it is only told.
    async fn put_on_record(
        &self,
        dead: &DeadLetters,
        letter: &Letter,
        deed: DeadLetterDeed,
    ) -> anyhow::Result<bool> {
        let Some(store) = &self.record else {
            return Ok(false);
        };
        let letter = DeadLetter {
            queue_url: dead.url.clone(),
            message_id: letter.id.clone(),
            about: letter.about.join(", "),
        };
        store
            .record_dead_letter(&letter, &deed, &self.operator, Utc::now())
            .await?;
        Ok(true)
    }

    async fn run(
        self,
        arguments: DlqArguments,
        deployment: &Deployment,
        output: Output,
    ) -> anyhow::Result<ExitStatus> {
        let (dead, messages) = DeadLetters::of(arguments, deployment).await?;
        let is_wanted = |message: &QueueMessage| self.ids.is_empty() || self.ids.contains(&message.id);
        let mut letters = Vec::new();
        for message in &messages {
            let mut letter = Letter::of(message);
            let is_gone = is_wanted(message)
                && match &self.what {
                    What::SendBack { to } => self.redrive(&dead, message, to.as_ref(), &mut letter).await?,
                    What::Delete => self.delete(&dead, message, &mut letter).await?,
                };
            if !is_gone {
                dead.queues.show_again(&dead.url, message).await?;
            }
            if is_wanted(message) {
                letters.push(letter);
            }
        }
        if let Some(id) = self
            .ids
            .iter()
            .find(|id| letters.iter().all(|letter| letter.id != **id))
        {
            return Err(input(format!(
                "no message {id} can be seen; see: longshore dlq list"
            )));
        }
        self.report(&letters, output)
    }

    /// Whether the message was moved; what would be done, was, or is refused is noted on the letter.
    async fn redrive(
        &self,
        dead: &DeadLetters,
        message: &QueueMessage,
        to: Option<&String>,
        letter: &mut Letter,
    ) -> anyhow::Result<bool> {
        if !letter.is_announcement {
            letter.refused = Some(format!(
                "it announces no file; the reconciler settles what a status event is about, so it may be deleted: longshore dlq \
                 delete --id {} --why TEXT",
                letter.id
            ));
            return Ok(false);
        }
        let to = match (to, &message.dead_of) {
            (Some(url), _) => url.clone(),
            (None, Some(arn)) => dead.queues.url_of(arn).await?,
            (None, None) => {
                letter.refused =
                    Some("it came here without a queue; say where it goes with --to URL".to_owned());
                return Ok(false);
            }
        };
        letter.outcome = Some(format!("send it to {to}"));
        let deed = DeadLetterDeed::Redrive { sent_to: to.clone() };
        let is_on_record = self.put_on_record(dead, letter, deed).await?;
        if is_on_record {
            dead.redrive(message, &to).await?;
        }
        Ok(is_on_record)
    }

    /// Whether the message was deleted; that it would be or was is noted on the letter.
    async fn delete(
        &self,
        dead: &DeadLetters,
        message: &QueueMessage,
        letter: &mut Letter,
    ) -> anyhow::Result<bool> {
        letter.outcome = Some("delete it".to_owned());
        let is_on_record = self.put_on_record(dead, letter, DeadLetterDeed::Delete).await?;
        if is_on_record {
            dead.queues.delete(&dead.url, message).await?;
        }
        Ok(is_on_record)
    }

    fn report(&self, letters: &[Letter], output: Output) -> anyhow::Result<ExitStatus> {
        if output.is_json() {
            output.json(&letters)?;
        } else {
            let row = |letter: &Letter| {
                let refused = letter
                    .refused
                    .as_ref()
                    .map(|refused| format!("refused: {refused}"));
                let what = letter.outcome.clone().or(refused).unwrap_or_default();
                vec![letter.id.clone(), letter.about.join(", "), what]
            };
            let heading = self.earnest.heading();
            output.table(&["message", "about", heading], letters.iter().map(row).collect())?;
        }
        self.earnest.close();
        Ok(match letters.iter().any(|letter| letter.refused.is_some()) {
            true => ExitStatus::Input,
            false => ExitStatus::Done,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_says_what_it_is_about() {
        let record = json!({
            "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "landing" }, "object": { "key": "in/a+b.txt", "size": 1 } },
        });
        let announcement = json!({ "Records": [record] }).to_string();
        assert_eq!(
            about(&announcement),
            (true, vec!["s3://landing/in/a b.txt".to_owned()])
        );
        let status =
            json!({ "source": "aws.redshift-data", "detail-type": "x", "detail": { "statementId": "s1" } });
        assert_eq!(
            about(&status.to_string()),
            (false, vec!["the end of statement s1".to_owned()])
        );
        let failed = json!({ "requestPayload": status, "responsePayload": {} }).to_string();
        assert_eq!(about(&failed).1, ["the end of statement s1"]);
        assert_eq!(about("{").1, ["a text that is no JSON"]);
        let test = json!({ "Event": "s3:TestEvent" }).to_string();
        assert_eq!(
            about(&test),
            (false, vec!["an event that announces no object".to_owned()])
        );
        assert!(!about("{}").0);
    }

    #[test]
    fn an_age_is_told_in_its_greatest_unit() {
        let ages = [
            TimeDelta::minutes(5),
            TimeDelta::minutes(150),
            TimeDelta::hours(50),
        ];
        assert_eq!(ages.map(age), ["5 min", "2 h", "2 d"]);
    }
}

//! Transactions, and what of them travels together.
//!
//! A round trip to the control database costs more than most of what it is asked. Statements that do not need each other's
//! answers are therefore sent one behind the other without waiting: BEGIN with the first, COMMIT with the last. The server
//! carries them out in the order in which they were sent, and once one of them failed it refuses all that follow and makes
//! a rollback of the COMMIT; so what is done is the same as if each had been waited for.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use deadpool_postgres::Object;
use futures_util::{FutureExt, TryStreamExt};
use tokio_postgres::{Row, Statement};

use crate::error::StoreError;
use crate::queries::Query;
use crate::store::{Parameters, Store};

/// A statement to be sent, and its parameters.
pub(crate) type Asked<'a> = (Query, Parameters<'a>);

/// What came of a statement.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// How many rows it changed, or gave.
    pub(crate) changed: u64,
}

/// One transaction; dropped without a commit it is rolled back. It begins with its first statement.
pub(crate) struct Transaction<'client> {
    client: &'client Object,
    store: &'client Store,
    beginning: &'static str,
    /// BEGIN was sent, and COMMIT was not.
    is_open: AtomicBool,
}

impl<'client> Transaction<'client> {
    /// One that sees what others commit while it runs. The connection is lent to it alone.
    pub(crate) fn begin(store: &'client Store, client: &'client mut Object) -> Self {
        Self::beginning_with("BEGIN", store, client)
    }

    /// One that only reads, and whose statements all see what the first one saw.
    pub(crate) fn of_one_moment(store: &'client Store, client: &'client mut Object) -> Self {
        Self::beginning_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", store, client)
    }

    fn beginning_with(beginning: &'static str, store: &'client Store, client: &'client mut Object) -> Self {
        Self {
            client,
            store,
            beginning,
            is_open: AtomicBool::new(false),
        }
    }

    pub(crate) async fn rows(
        &self,
        query: Query,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let [answer] = self.together([(query, parameters)]).await?;
        Ok(answer.rows)
    }

    pub(crate) async fn execute(&self, query: Query, parameters: Parameters<'_>) -> Result<u64, StoreError> {
        let [answer] = self.together([(query, parameters)]).await?;
        Ok(answer.changed)
    }

    /// Statements in their order, in one round trip.
    pub(crate) async fn together<const N: usize>(
        &self,
        asked: [Asked<'_>; N],
    ) -> Result<[Answer; N], StoreError> {
        let statements = prepared(self.store, self.client, &asked).await?;
        let mut sent = Vec::with_capacity(N + 1);
        sent.extend(self.opening());
        sent.extend(asking(self.store, self.client, &asked, &statements));
        Ok(last(in_order(sent).await?))
    }

    /// The last statements and the commit, in one round trip.
    pub(crate) async fn commit_with<const N: usize>(
        self,
        asked: [Asked<'_>; N],
    ) -> Result<[Answer; N], StoreError> {
        let statements = prepared(self.store, self.client, &asked).await?;
        let mut sent = Vec::with_capacity(N + 2);
        sent.extend(self.opening());
        sent.extend(asking(self.store, self.client, &asked, &statements));
        sent.push(self.closing());
        let mut answers = in_order(sent).await?;
        answers.pop();
        Ok(last(answers))
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let [] = self.commit_with([]).await?;
        Ok(())
    }

    /// Statements without parameters, in order.
    pub(crate) async fn batch(&self, action: &'static str, sql: &str) -> Result<(), StoreError> {
        let mut sent = Vec::from_iter(self.opening());
        sent.push(Box::pin(self.simple(action, sql)));
        in_order(sent).await?;
        Ok(())
    }

    fn opening(&self) -> Option<Sent<'_>> {
        if self.is_open.load(Ordering::Relaxed) {
            return None;
        }
        Some(Box::pin(async {
            self.is_open.store(true, Ordering::Relaxed);
            self.simple("begin", self.beginning).await
        }))
    }

    fn closing(&self) -> Sent<'_> {
        Box::pin(async {
            // Whatever comes of it, there is nothing to be rolled back any more.
            self.is_open.store(false, Ordering::Relaxed);
            self.simple("commit", "COMMIT").await
        })
    }

    async fn simple(&self, action: &'static str, sql: &str) -> Result<Answer, StoreError> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| self.store.place().error(action, error))?;
        Ok(Answer::default())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open.load(Ordering::Relaxed) {
            // Sent and not waited for: whoever has the connection next is behind it. Where it cannot be sent the connection is
            // gone, and the transaction with it.
            drop(self.client.batch_execute("ROLLBACK").now_or_never());
        }
    }
}

/// Something that is sent when it is first polled, and waits for its answer from then on.
type Sent<'a> = Pin<Box<dyn Future<Output = Result<Answer, StoreError>> + Send + 'a>>;

/// The statements, known to the server. All of them before the first is sent: one that had to be prepared first would be
/// overtaken by those behind it.
pub(crate) async fn prepared(
    store: &Store,
    client: &Object,
    asked: &[Asked<'_>],
) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::with_capacity(asked.len());
    for (query, _) in asked {
        let statement = client.prepare_cached(store.text_of(*query)).await;
        statements.push(statement.map_err(|error| store.place().error(query.name(), error))?);
    }
    Ok(statements)
}

/// The statements, ready to be sent.
pub(crate) fn asking<'a>(
    store: &'a Store,
    client: &'a Object,
    asked: &'a [Asked<'a>],
    statements: &'a [Statement],
) -> impl Iterator<Item = Sent<'a>> {
    asked
        .iter()
        .zip(statements)
        .map(move |((query, parameters), statement)| -> Sent<'a> {
            Box::pin(async move {
                let answer = ask(client, statement, parameters).await;
                answer.map_err(|error| store.place().error(query.name(), error))
            })
        })
}

async fn ask(
    client: &Object,
    statement: &Statement,
    parameters: Parameters<'_>,
) -> Result<Answer, tokio_postgres::Error> {
    let mut stream = pin!(client.query_raw(statement, parameters.iter().copied()).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer {
        rows,
        changed: stream.rows_affected().unwrap_or_default(),
    })
}

/// Sends everything in its order, then waits for its answers. The error is the first one in that order, however the answers come:
/// what follows the statement that failed is refused only because of it, and its refusal says nothing of the cause. Behind one that
/// could not be sent nothing is sent, least of all a COMMIT.
pub(crate) async fn in_order(mut sent: Vec<Sent<'_>>) -> Result<Vec<Answer>, StoreError> {
    let mut came: Vec<Option<Result<Answer, StoreError>>> = sent.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (waiting, came) in sent.iter_mut().zip(&mut came) {
            if came.is_none()
                && let Poll::Ready(answer) = waiting.as_mut().poll(context)
            {
                *came = Some(answer);
            }
            if let Some(Err(_)) = came {
                break;
            }
        }
        let first_open = came.iter().find(|came| !matches!(came, Some(Ok(_))));
        match first_open {
            Some(None) => Poll::Pending,
            Some(Some(_)) | None => Poll::Ready(()),
        }
    })
    .await;
    came.into_iter().flatten().collect()
}

/// The last so many answers; those before them are of statements that give nothing.
pub(crate) fn last<const N: usize>(answers: Vec<Answer>) -> [Answer; N] {
    let others = answers.len().saturating_sub(N);
    let mut answers = answers.into_iter().skip(others);
    std::array::from_fn(|_| {
        answers
            .next()
            .expect("each statement that was sent has an answer")
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use longshore_testkit::TestDatabase;
    use uuid::Uuid;

    use super::*;

    const INTERFACE: &str =
        "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name, oprtnl_flag)
        VALUES (1, 'BEFORE', 'A')";

    async fn interfaces(store: &Store) -> usize {
        store.rows(Query::InterfaceList, &[]).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_was_sent_behind_a_statement_that_failed_is_not_done() {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::for_tests(&database, "rdscnfg", 1).await;
        let mut client = store.client("test").await.unwrap();
        let transaction = Transaction::begin(&store, &mut client);
        transaction.batch("insert", INTERFACE).await.unwrap();
        // An operation on a load that is not there is refused by the server, when all of these are on their way.
        let (now, nothing): (DateTime<Utc>, Option<&str>) = (Utc::now(), None);
        let refused: Parameters<'_> = &[&Uuid::nil(), &"skip", &"somebody", &"for a test", &nothing, &now];
        let list: Parameters<'_> = &[];
        let sent = transaction.commit_with([
            (Query::InterfaceList, list),
            (Query::OperationInsert, refused),
            (Query::InterfaceList, list),
        ]);
        let error = sent.await.unwrap_err();
        assert_eq!(
            error.action(),
            Some("operation_insert"),
            "the first that failed is named: {error}"
        );
        drop(client);
        assert_eq!(interfaces(&store).await, 0, "COMMIT became a rollback");
    }

    #[tokio::test]
    async fn what_is_dropped_without_a_commit_is_rolled_back_before_the_connection_is_used_again() {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::for_tests(&database, "rdscnfg", 1).await;
        let mut client = store.client("test").await.unwrap();
        let transaction = Transaction::begin(&store, &mut client);
        transaction.batch("insert", INTERFACE).await.unwrap();
        assert_eq!(
            transaction.rows(Query::InterfaceList, &[]).await.unwrap().len(),
            1
        );
        drop(transaction);
        drop(client);
        assert_eq!(interfaces(&store).await, 0);
    }

    #[tokio::test]
    async fn what_could_not_be_sent_leaves_no_transaction_open() {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::for_tests(&database, "rdscnfg", 1).await;
        let mut client = store.client("test").await.unwrap();
        let transaction = Transaction::begin(&store, &mut client);
        transaction.batch("insert", INTERFACE).await.unwrap();
        let of_another_type: Parameters<'_> = &[&"no identity"];
        assert!(
            transaction
                .commit_with([(Query::LoadFind, of_another_type)])
                .await
                .is_err()
        );
        drop(client);
        assert_eq!(interfaces(&store).await, 0);
    }

    #[tokio::test]
    async fn a_commit_that_is_sent_with_the_last_statement_lasts() {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::for_tests(&database, "rdscnfg", 1).await;
        let mut client = store.client("test").await.unwrap();
        let transaction = Transaction::begin(&store, &mut client);
        transaction.batch("insert", INTERFACE).await.unwrap();
        let [listed] = transaction
            .commit_with([(Query::InterfaceList, &[])])
            .await
            .unwrap();
        assert_eq!(listed.rows.len(), 1);
        drop(client);
        assert_eq!(interfaces(&store).await, 1);
    }

    #[tokio::test]
    async fn what_is_sent_together_goes_in_its_order() {
        let order = std::sync::Mutex::new(Vec::new());
        let step = |number: u64, waits: u32| {
            let order = &order;
            async move {
                order.lock().unwrap().push(number);
                for _ in 0..waits {
                    tokio::task::yield_now().await;
                }
                Ok(Answer {
                    changed: number,
                    ..Answer::default()
                })
            }
        };
        let answers = in_order(vec![
            Box::pin(step(1, 3)),
            Box::pin(step(2, 0)),
            Box::pin(step(3, 1)),
        ])
        .await
        .unwrap();
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        let [two, three] = last(answers);
        assert_eq!((two.changed, three.changed), (2, 3));
    }

    #[tokio::test]
    async fn the_error_is_the_cause_though_what_it_brought_about_is_seen_before_it() {
        let fails = |action: &'static str, waits: u32| {
            Box::pin(async move {
                for _ in 0..waits {
                    tokio::task::yield_now().await;
                }
                Err(StoreError::CountTooLarge {
                    action,
                    column: "c",
                    value: 1,
                })
            })
        };
        let sent: Vec<Sent<'_>> = vec![fails("the cause", 1), fails("what it brought about", 0)];
        let error = in_order(sent).await.unwrap_err();
        assert_eq!(error.action(), Some("the cause"), "{error}");
    }
}

//! One deployment: the use cases on scripted ports, and AWS's part in driving them.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use chrono::TimeDelta;
use longshore_app::{
    Announcement, App, AppConfig, FinishStatement, FinishedAs, Invocation, LeasePace, ObjectOutcome,
    PLACES_PER_TABLE, ProcessObject, RangeLimits, Reconcile, ReconcileLimits, ReconcileReport,
    ReportedFailures, StatementStatus, UnpackLimit,
};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, Object, ObjectKey, Sequencer, WatchedPrefix};
use longshore_domain::target::{Compute, Login, Warehouse};
use longshore_store::{Load, Store};

use super::calls::{Calls, Tried};
use super::clock::TestClock;
use super::files::{Files, MemoryStore, Pace, Stored};
use super::notifier::Topic;
use super::warehouse::{Handed, ModelWarehouse};

/// The targets that are there from the beginning.
const TABLES: [&str; 3] = [r#""s"."price""#, r#""s"."head""#, r#""s"."detail""#];
/// AWS tries an invocation again after a minute, and once more.
const TRIES: usize = 3;

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) calls: Arc<Calls>,
    pub(crate) files: Files,
    pub(crate) pace: Arc<Pace>,
    pub(crate) warehouse: Arc<ModelWarehouse>,
    pub(crate) topic: Arc<Topic>,
    pub(crate) clock: Arc<TestClock>,
}

impl World {
    /// The number names the warehouse's database: what one world's warehouse has, the next one's lacks.
    pub(crate) fn new(store: Store, number: usize) -> Self {
        let calls = Arc::new(Calls::default());
        let files = Files::default();
        let pace = Arc::new(Pace::default());
        let warehouse = Arc::new(ModelWarehouse::new(calls.clone(), files.clone(), &TABLES));
        let topic = Arc::new(Topic::new(calls.clone()));
        let clock = Arc::new(TestClock::new(calls.clone()));
        let app = App {
            config: Arc::new(config(number)),
            store,
            objects: Arc::new(MemoryStore {
                calls: calls.clone(),
                files: files.clone(),
                pace: pace.clone(),
                uploads: Arc::default(),
            }),
            warehouse: warehouse.clone(),
            notifier: topic.clone(),
            clock: clock.clone(),
        };
        Self {
            app,
            calls,
            files,
            pace,
            warehouse,
            topic,
            clock,
        }
    }

    /// The same deployment where every file is long, and read and cut by tiny ranges.
    pub(crate) fn with_tiny_ranges(self) -> Self {
        let ranges = RangeLimits {
            least_source_bytes: 0,
            window_bytes: 4,
            chunk_bytes: 5,
            chunks_in_flight: 2,
        };
        let config = AppConfig {
            ranges,
            ..AppConfig::clone(&self.app.config)
        };
        let app = App {
            config: Arc::new(config),
            ..self.app
        };
        Self { app, ..self }
    }

    /// The same deployment where no more than so much comes of a small file.
    pub(crate) fn with_unpacked_bytes(self, any_file_bytes: u64) -> Self {
        let config = AppConfig {
            unpacking: UnpackLimit { any_file_bytes },
            ..AppConfig::clone(&self.app.config)
        };
        let app = App {
            config: Arc::new(config),
            ..self.app
        };
        Self { app, ..self }
    }

    /// The same deployment where as many loads of a table as there are may be with the warehouse.
    pub(crate) fn with_room_for_all(self) -> Self {
        let config = AppConfig {
            places_per_table: u32::MAX,
            ..AppConfig::clone(&self.app.config)
        };
        let app = App {
            config: Arc::new(config),
            ..self.app
        };
        Self { app, ..self }
    }

    /// The same deployment where leases are renewed every few milliseconds.
    pub(crate) fn with_eager_leases(self) -> Self {
        let leases = LeasePace {
            renewed_every: std::time::Duration::from_millis(5),
            ..LeasePace::default()
        };
        let config = AppConfig {
            leases,
            ..AppConfig::clone(&self.app.config)
        };
        let app = App {
            config: Arc::new(config),
            ..self.app
        };
        Self { app, ..self }
    }

    /// The same deployment on another control database.
    pub(crate) fn on(self, store: Store) -> Self {
        let app = App { store, ..self.app };
        Self { app, ..self }
    }

    /// A file lands.
    pub(crate) fn land(&self, key: &str, text: &str) -> Object {
        self.land_bytes(key, text.as_bytes())
    }

    pub(crate) fn land_bytes(&self, key: &str, bytes: &[u8]) -> Object {
        let file = Stored::new(bytes.to_vec());
        self.files.put(key, file.clone());
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new(key),
            version: None,
            etag: Some(file.etag()),
            size_bytes: file.size_bytes(),
            sequencer: Some(Sequencer::new("0055AED6DCD90281E5")),
        }
    }

    /// The same bytes land once more, which is another event about the same content.
    pub(crate) fn land_again(&self, object: &Object, text: &str) -> Object {
        let sequencer = object.sequencer.as_ref().map_or("", Sequencer::as_str);
        Object {
            sequencer: Some(Sequencer::new(format!("{sequencer}F"))),
            ..self.land(object.key.as_str(), text)
        }
    }

    /// One try of the function that S3 calls.
    pub(crate) async fn announce(&self, object: &Object, request: &str) -> Tried<ObjectOutcome> {
        self.announce_within(object, request, TimeDelta::minutes(15))
            .await
    }

    /// The same of a function that is stopped so soon.
    pub(crate) async fn announce_within(
        &self,
        object: &Object,
        request: &str,
        time: TimeDelta,
    ) -> Tried<ObjectOutcome> {
        let invocation = Invocation {
            deadline: self.clock.reads() + time,
            ..self.invocation(request)
        };
        let process = ProcessObject {
            app: &self.app,
            invocation: &invocation,
        };
        let object = object.clone();
        Box::pin(self.calls.live(process.run(Announcement {
            object,
            at: None,
            queue: None,
        })))
        .await
    }

    /// One try of the function that the Data API's events call.
    pub(crate) async fn deliver(&self, statement: &Handed, request: &str) -> Tried<FinishedAs> {
        self.deliver_within(statement, request, TimeDelta::minutes(15))
            .await
    }

    /// The same of a function that is stopped so soon.
    pub(crate) async fn deliver_within(
        &self,
        statement: &Handed,
        request: &str,
        time: TimeDelta,
    ) -> Tried<FinishedAs> {
        let invocation = Invocation {
            deadline: self.clock.reads() + time,
            ..self.invocation(request)
        };
        let finish = FinishStatement {
            app: &self.app,
            invocation: &invocation,
        };
        let status = StatementStatus {
            statement_id: statement.id.clone(),
            statement_name: Some(statement.name.clone()),
        };
        Box::pin(self.calls.live(finish.run(status))).await
    }

    /// Tries the announcement as often as AWS does.
    pub(crate) async fn announce_until_done(
        &self,
        object: &Object,
        request: &str,
    ) -> Result<ObjectOutcome, String> {
        let mut problems = Vec::new();
        for _ in 0..TRIES {
            match self.announce(object, request).await {
                Tried::Done(outcome) => return Ok(outcome),
                other => problems.push(problem(&other)),
            }
            self.clock.advance(TimeDelta::minutes(1));
        }
        Err(format!("the announcement failed: {}", problems.join("; ")))
    }

    /// Tries an event as often as AWS does.
    pub(crate) async fn deliver_until_done(
        &self,
        statement: &Handed,
        request: &str,
    ) -> Result<FinishedAs, String> {
        let mut problems = Vec::new();
        for _ in 0..TRIES {
            match self.deliver(statement, request).await {
                Tried::Done(outcome) => return Ok(outcome),
                other => problems.push(problem(&other)),
            }
            self.clock.advance(TimeDelta::minutes(1));
        }
        Err(format!(
            "the event of {} failed: {}",
            statement.name,
            problems.join("; ")
        ))
    }

    /// Delivers the events of statements that ended, also of those that the deliveries start, once each.
    pub(crate) async fn deliver_events(&self) -> Result<(), String> {
        let mut delivered = BTreeSet::new();
        while let Some(statement) = self
            .warehouse
            .handed()
            .into_iter()
            .find(|handed| !delivered.contains(&handed.id))
        {
            let request = format!("finish {}", statement.name);
            self.deliver_until_done(&statement, &request).await?;
            delivered.insert(statement.id);
        }
        Ok(())
    }

    /// The whole way of a file with which nothing goes wrong.
    pub(crate) async fn load(&self, object: &Object) -> Load {
        self.announce(object, "prepare").await.done();
        self.deliver_events().await.unwrap();
        self.load_of(object).await
    }

    /// One run of the reconciler. It takes whatever is on the control database, so only a world that has it to itself may.
    pub(crate) async fn reconcile(&self) -> ReconcileReport {
        self.try_reconcile().await.done()
    }

    /// The same of a run that may fail.
    pub(crate) async fn try_reconcile(&self) -> Tried<ReconcileReport> {
        let invocation = self.invocation("reconcile");
        let reconcile = Reconcile {
            app: &self.app,
            invocation: &invocation,
            limits: ReconcileLimits::default(),
        };
        Box::pin(self.calls.live(reconcile.run())).await
    }

    /// Time passes until nothing waits any more: the reconciler runs, and the events of what it submits are delivered.
    pub(crate) async fn pass_time(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.reconcile().await;
        self.deliver_events().await.unwrap();
    }

    /// The same of statements of which the service knows nothing any more: there are no events.
    pub(crate) async fn pass_time_quietly(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.reconcile().await;
    }

    /// Delivers the events of the statements that the service knows.
    pub(crate) async fn deliver_events_known(&self) {
        for statement in self
            .warehouse
            .handed()
            .iter()
            .filter(|handed| !handed.is_forgotten)
        {
            self.deliver_until_done(statement, "finish").await.unwrap();
        }
    }

    /// Whether the load of an object, and every part of it, is done.
    pub(crate) async fn is_done(&self, object: &Object) -> bool {
        let id = LoadId::of(object);
        let parts = self.app.store.children(id).await.unwrap();
        let whole = self.load_of(object).await;
        let mut loads = parts.iter().chain([&whole]);
        loads.all(|load| load.finished_at.is_some())
    }

    /// The load of an object, as the ledger has it.
    pub(crate) async fn load_of(&self, object: &Object) -> Load {
        let id = LoadId::of(object);
        self.app.store.load(id).await.unwrap().unwrap()
    }

    pub(crate) fn invocation(&self, request: &str) -> Invocation {
        Invocation {
            request_id: request.to_owned(),
            deadline: self.clock.reads() + TimeDelta::minutes(15),
            trace: None,
        }
    }
}

fn problem<T>(tried: &Tried<T>) -> String {
    match tried {
        Tried::Failed(error) => longshore_app::with_causes(error),
        Tried::Died => "died".to_owned(),
        Tried::Done(_) => "done".to_owned(),
    }
}

fn config(number: usize) -> AppConfig {
    AppConfig {
        archive_folder: "archive".to_owned(),
        processing_folder: "processing".to_owned(),
        threshold_file_size_bytes: 1,
        custom_error_message: "Call the night desk.".to_owned(),
        timezone: longshore_domain::time_zone::TimeZone::UTC,
        topic_arn: "arn:aws:sns:ap-south-1:1:files".to_owned(),
        reported_failures: ReportedFailures::default(),
        statement_prefix: "longshore/test".to_owned(),
        watched: vec![WatchedPrefix::parse("s3://landing/in/").unwrap()],
        warehouse: Warehouse {
            compute: Compute::Cluster("model".to_owned()),
            database: format!("world_{number}"),
            login: Login::CallerIdentity,
            iam_role: "arn:aws:iam::1:role/copy".to_owned(),
            region: "ap-south-1".to_owned(),
        },
        ranges: RangeLimits::default(),
        // A record of the tests.
        part_text_bytes: NonZeroU64::new(8).unwrap(),
        unpacking: UnpackLimit::default(),
        leases: LeasePace::default(),
        places_per_table: PLACES_PER_TABLE,
    }
}

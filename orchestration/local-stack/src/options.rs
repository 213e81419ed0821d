//! What a stack is started with.

use std::path::PathBuf;
use std::time::Duration;

use longshore_local_warehouse::{ClusterEndpoint, Isolation};
use serde_json::Value;

use crate::faults::FaultPlan;

/// Everything that exists in a stack from its first moment. What was made through its API comes back from the data
/// folder by itself; naming it here as well does no harm.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Where everything is kept. One stack at a time uses it.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The region of every ARN and event.
    pub region: String,
    /// The twelve digits of the account of every ARN and event.
    pub account: String,
    /// The one access key id that requests may be signed with.
    pub access_key_id: String,
    /// The secret to the access key id.
    pub secret_access_key: String,
    /// Buckets by name.
    pub buckets: Vec<String>,
    /// Secrets: a name and the JSON text of the secret.
    pub secrets: Vec<(String, String)>,
    /// Topics by name.
    pub topics: Vec<String>,
    /// Queues, and the topics they listen to.
    pub queues: Vec<QueueOptions>,
    /// Which objects are announced to which function.
    pub bucket_notifications: Vec<BucketNotification>,
    /// Which objects are announced to which queue.
    pub queue_notifications: Vec<QueueNotification>,
    /// Which events go to which function.
    pub event_rules: Vec<EventRule>,
    /// The roles that may be asked about. Nothing is refused for want of a right.
    pub roles: Vec<Role>,
    /// The clusters that the Redshift Data API reaches.
    pub clusters: Vec<ClusterEndpoint>,
    /// What transactions of the clusters see of each other.
    pub isolation: Isolation,
    /// How long to wait before each further attempt of an asynchronous invocation that failed. Their number is the
    /// number of retries; Lambda makes two.
    pub retry_delays: Vec<Duration>,
    /// What goes wrong on purpose; it can be changed while the stack runs.
    pub faults: FaultPlan,
    /// Names of secrets with the `host` and `port` of a PostgreSQL server. A function's process that asks for one is
    /// sent to a [`FaultProxy`](crate::FaultProxy) of its own before that server; everyone else gets the truth.
    pub proxied_secrets: Vec<String>,
}

impl StackOptions {
    /// A stack on any free port with nothing in it yet, with the customary local account, region and keys.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            port: 0,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            access_key_id: "AKIALOCALLONGSHORE00".to_owned(),
            secret_access_key: "local-secret-access-key".to_owned(),
            buckets: Vec::new(),
            secrets: Vec::new(),
            topics: Vec::new(),
            queues: Vec::new(),
            bucket_notifications: Vec::new(),
            queue_notifications: Vec::new(),
            event_rules: Vec::new(),
            roles: Vec::new(),
            clusters: Vec::new(),
            isolation: Isolation::default(),
            retry_delays: vec![Duration::from_secs(1), Duration::from_secs(2)],
            faults: FaultPlan::default(),
            proxied_secrets: Vec::new(),
        }
    }
}

/// A queue that exists from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// The queue's name.
    pub name: String,
    /// The names of the topics whose messages it gets, in SNS's envelope.
    pub subscriptions: Vec<String>,
    /// Where messages go that nobody could make anything of.
    pub dead_letters: Option<DeadLetters>,
}

/// What becomes of a message that is received again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The name of the queue that it goes to.
    pub queue: String,
    /// How often it is received before.
    pub max_receives: u32,
}

/// Sends the event of every created object whose key begins so to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNotification {
    /// The bucket.
    pub bucket: String,
    /// What the key must begin with; empty for every key.
    pub prefix: String,
    /// The queue's name.
    pub queue: String,
}

/// Sends the event of every created object whose key fits to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketNotification {
    /// The bucket.
    pub bucket: String,
    /// What the key must begin with; empty for every key.
    pub prefix: String,
    /// What the key must end with; empty for every key.
    pub suffix: String,
    /// The function's name.
    pub function: String,
}

/// Sends the events of the bus that match a pattern to a function.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRule {
    /// The rule's name.
    pub name: String,
    /// An EventBridge event pattern.
    pub pattern: Value,
    /// The function's name.
    pub function: String,
}

/// A role and what its policy allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// A policy as IAM takes it; conditions are not looked at.
    pub policy: Value,
}

/// A function: an executable that speaks the Lambda runtime API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionOptions {
    /// The function's name.
    pub name: String,
    /// The executable, the `bootstrap` of a deployment package.
    pub executable: PathBuf,
    /// Environment variables beside those that Lambda sets by itself.
    pub environment: Vec<(String, String)>,
    /// How many processes may serve it at a time; at least 1.
    pub concurrency: usize,
    /// How long one invocation may take before its process is killed.
    pub timeout: Duration,
    /// The memory that the function is told it has, in MiB. It is not enforced.
    pub memory_mb: u32,
}

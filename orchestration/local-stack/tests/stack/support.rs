//! A stack in a folder of its own, clients for it, and the address that the test function reports to.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use longshore_local_stack::{FaultPlan, FunctionOptions, LocalStack, StackOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const BUCKET: &str = "landing";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Options for a stack with one bucket and no waiting before retries.
pub(crate) fn options(folder: &TempDir) -> StackOptions {
    StackOptions {
        buckets: vec![BUCKET.to_owned()],
        retry_delays: vec![Duration::from_millis(10), Duration::from_millis(10)],
        ..StackOptions::new(folder.path())
    }
}

pub(crate) async fn started() -> (TempDir, LocalStack) {
    let folder = tempfile::tempdir().unwrap();
    let stack = LocalStack::start(options(&folder)).await.unwrap();
    (folder, stack)
}

/// Builds the configuration of any of the SDK's clients; their types differ, their methods do not.
macro_rules! client {
    ($sdk:ident, $endpoint_url:expr) => {{
        let credentials = crate::support::credentials();
        let config = $sdk::config::Config::builder()
            .behavior_version(crate::support::behavior_version())
            .region(crate::support::region())
            .credentials_provider(credentials)
            .endpoint_url($endpoint_url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        $sdk::Client::from_conf(config)
    }};
}
pub(crate) use client;

/// A client that does not try again.
macro_rules! once {
    ($sdk:ident, $endpoint_url:expr) => {{
        let client = crate::support::client!($sdk, $endpoint_url);
        let config = client.config().to_builder();
        let config = config.retry_config($sdk::config::retry::RetryConfig::disabled());
        $sdk::Client::from_conf(config.build())
    }};
}
pub(crate) use once;

pub(crate) fn credentials() -> Credentials {
    let options = StackOptions::new("");
    Credentials::new(
        options.access_key_id,
        options.secret_access_key,
        None,
        None,
        "test",
    )
}

pub(crate) fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::latest()
}

pub(crate) fn region() -> Region {
    Region::new("us-east-1")
}

pub(crate) fn s3(stack: &LocalStack) -> aws_sdk_s3::Client {
    s3_at(stack.endpoint_url())
}

pub(crate) fn s3_at(endpoint_url: &str) -> aws_sdk_s3::Client {
    client!(aws_sdk_s3, endpoint_url)
}

pub(crate) async fn put(client: &aws_sdk_s3::Client, key: &str, bytes: &[u8]) -> String {
    let body = bytes.to_vec().into();
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
    put.e_tag().unwrap().to_owned()
}

pub(crate) async fn get(client: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

/// Reads one of the pages for people.
pub(crate) async fn page(stack: &LocalStack, path: &str) -> Value {
    ask_page(stack, "GET", path, "").await.1
}

/// Reads or changes one of the pages for people: the status and the page.
pub(crate) async fn ask_page(stack: &LocalStack, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(stack.endpoint_url().trim_start_matches("http://"))
        .await
        .unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: local\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(page).unwrap())
}

/// A plan with these rules, for a stack's options or [`LocalStack::set_faults`].
pub(crate) fn plan(rules: &str) -> FaultPlan {
    FaultPlan::from_json(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap()
}

/// How many faults of a kind were injected.
pub(crate) fn injected(stack: &LocalStack, kind: &str) -> u64 {
    stack.faults_report()["injected"][kind].as_u64().unwrap_or(0)
}

/// Waits until the invocations look as expected.
pub(crate) async fn invocations_until(
    stack: &LocalStack,
    is_expected: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let expected = async {
        loop {
            let report = page(stack, "/_local/invocations").await;
            let invocations = report["invocations"].as_array().unwrap().clone();
            if is_expected(&invocations) {
                return invocations;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, expected).await.unwrap()
}

/// The address that the test function asks what to do.
pub(crate) struct Director {
    listener: TcpListener,
}

/// An event that the function has and waits with.
pub(crate) struct Asked {
    pub(crate) report: Value,
    stream: TcpStream,
}

impl Director {
    pub(crate) async fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// Where the function is to report to.
    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// The test function under a name.
    pub(crate) fn function(&self, name: &str) -> FunctionOptions {
        FunctionOptions {
            name: name.to_owned(),
            executable: example("reporting_function"),
            environment: vec![("REPORT_TO".to_owned(), self.address())],
            concurrency: 1,
            timeout: PATIENCE,
            memory_mb: 128,
        }
    }

    /// Waits for the function to report the next event.
    pub(crate) async fn next(&self) -> Asked {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let mut stream = accepted.unwrap().unwrap().0;
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
        Asked {
            report: serde_json::from_str(&line).unwrap(),
            stream,
        }
    }
}

impl Asked {
    pub(crate) fn request_id(&self) -> &str {
        self.report["requestId"].as_str().unwrap()
    }

    pub(crate) async fn tell(mut self, what: &str) {
        self.stream
            .write_all(format!("{what}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Waits until the process at the other end is gone: the kernel closes its connection.
    pub(crate) async fn gone(mut self) {
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest))
            .await
            .unwrap()
            .ok();
    }
}

/// An example of this package as an executable.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "build it first: cargo build -p longshore-local-stack --examples"
    );
    path
}

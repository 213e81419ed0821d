//! What the functions' `main` share: settings, logs, the app, and the loop that asks Lambda for work.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use longshore_app::{App, Invocation};
use longshore_domain::disposition::Disposition;
use longshore_domain::trace::TraceId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument, info_span};

use crate::diagnostic::Failure;
use crate::settings::{LogSettings, Settings, lambda_runtime_api};
use crate::wiring::AwsAccess;
use crate::{telemetry, wiring};

/// How long a function that cannot start waits for Lambda to take its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a function answers.
#[derive(Debug)]
pub struct Answer {
    body: Value,
    failures: Vec<Disposition>,
}

impl Answer {
    /// The answer of an invocation that succeeds although parts of its event did not: a queue delivers these again.
    pub fn in_spite_of(failures: Vec<Disposition>, body: Value) -> Self {
        Self { body, failures }
    }
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self::in_spite_of(Vec::new(), body)
    }
}

/// Runs a function until Lambda ends it. `handle` gets the app, the invocation and the event, and gives the answer.
///
/// A function that cannot start says why to Lambda and in its log, every fault of its settings in one line, and ends with
/// a failure. An invocation that fails as [`Disposition::Misconfigured`], as a whole or for a part of its event, is the last
/// one of its app: the next one reads the secrets again, because a password that was rotated looks just like that.
pub async fn run<H, F, A, E>(handle: H) -> ExitCode
where
    H: Fn(App, Invocation, Value) -> F,
    F: Future<Output = Result<A, E>>,
    A: Into<Answer>,
    E: Into<Failure>,
{
    let function = match start().await {
        Ok(function) => Arc::new(function),
        Err(failure) => return cannot_start(failure).await,
    };
    let handle = &handle;
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let function = Arc::clone(&function);
        async move { function.invoke(handle, event).await }
    });
    match Runtime::new(service).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<Function, Failure> {
    let settings = Settings::from_environment();
    // Without settings the faults are logged as Lambda's default is.
    let log = settings
        .as_ref()
        .map_or_else(|_| LogSettings::default(), |settings| settings.log.clone());
    telemetry::init(&log);
    let settings = settings?;
    let app = wiring::connect(&settings, &AwsAccess::FromEnvironment).await?;
    Ok(Function {
        settings,
        app: Mutex::new(Some(app)),
    })
}

async fn cannot_start(failure: Failure) -> ExitCode {
    tracing::error!(disposition = %failure.disposition(), "the function cannot start: {failure}");
    if let Some(runtime_api) = lambda_runtime_api() {
        // Its loss is harmless: the log line above says the same, and the process ends with a failure either way.
        let told = timeout(LAST_WORDS, report_init_error(&runtime_api, &failure.into())).await;
        tracing::debug!("told Lambda: {told:?}");
    }
    ExitCode::FAILURE
}

/// Tells Lambda why there will be no invocation, so that whoever invoked the function is told. `lambda_runtime` has no
/// call for it, and one request to the same machine needs no HTTP client.
async fn report_init_error(runtime_api: &str, diagnostic: &Diagnostic) -> std::io::Result<()> {
    let body = json!({
        "errorType": diagnostic.error_type,
        "errorMessage": diagnostic.error_message,
        "stackTrace": [],
    })
    .to_string();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {runtime_api}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Runtime.{}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        diagnostic.error_type,
        body.len()
    );
    let mut connection = TcpStream::connect(runtime_api).await?;
    connection.write_all(request.as_bytes()).await?;
    // Until the answer is there the request may not have been read, and leaving would break it off.
    connection.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// A function between two invocations.
struct Function {
    settings: Settings,
    app: Mutex<Option<App>>,
}

impl Function {
    async fn invoke<H, F, A, E>(&self, handle: &H, event: LambdaEvent<Value>) -> Result<Value, Failure>
    where
        H: Fn(App, Invocation, Value) -> F,
        F: Future<Output = Result<A, E>>,
        A: Into<Answer>,
        E: Into<Failure>,
    {
        let (payload, context) = event.into_parts();
        let invocation = invocation(&context);
        // The app says which load it is about, once it knows: so the last line does too.
        let span = info_span!(
            "invocation",
            request.id = %invocation.request_id,
            load.id = Empty,
            trace.id = Empty
        );
        let answer = async {
            let began = Instant::now();
            let app = self.app().await?;
            app.store.wake();
            let answer = handle(app, invocation, payload)
                .await
                .map(Into::into)
                .map_err(Into::into);
            self.account_for(&answer, began.elapsed()).await;
            answer.map(|answer| answer.body)
        };
        answer.instrument(span).await
    }

    /// The app; a new one when the last invocation gave its up.
    async fn app(&self) -> Result<App, Failure> {
        let mut app = self.app.lock().await;
        if let Some(app) = app.as_ref() {
            return Ok(app.clone());
        }
        let connected = wiring::connect(&self.settings, &AwsAccess::FromEnvironment).await?;
        Ok(app.insert(connected).clone())
    }

    async fn account_for(&self, answer: &Result<Answer, Failure>, took: Duration) {
        tell(answer, took);
        if may_lack_new_secrets(answer) {
            *self.app.lock().await = None;
        }
    }
}

fn tell(answer: &Result<Answer, Failure>, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let failure = match answer {
        Ok(Answer { failures, .. }) => {
            let failed = failures.len();
            tracing::debug!(duration_ms, failed, "the invocation succeeded");
            return;
        }
        Err(failure) => failure,
    };
    let disposition = failure.disposition();
    match disposition {
        Disposition::Retry => {
            tracing::warn!(%disposition, duration_ms, "the invocation failed: {failure}")
        }
        Disposition::Reject | Disposition::Misconfigured | Disposition::Bug => {
            tracing::error!(%disposition, duration_ms, "the invocation failed: {failure}");
        }
    }
}

/// Whether something failed that a secret may mend which was changed since it was read.
fn may_lack_new_secrets(answer: &Result<Answer, Failure>) -> bool {
    match answer {
        Ok(answer) => answer.failures.contains(&Disposition::Misconfigured),
        Err(failure) => failure.disposition() == Disposition::Misconfigured,
    }
}

fn invocation(context: &Context) -> Invocation {
    let deadline = i64::try_from(context.deadline)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    Invocation {
        request_id: context.request_id.clone(),
        // Lambda always says; fifteen minutes is the longest that it would.
        deadline: deadline.unwrap_or_else(|| Utc::now() + TimeDelta::minutes(15)),
        trace: context.xray_trace_id.as_deref().and_then(TraceId::of_header),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn lambda_is_told_every_fault_of_the_settings() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let runtime_api = listener.local_addr().unwrap().to_string();
        let heard = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut heard = String::new();
            while !heard.ends_with('}') {
                let mut bytes = [0; 4096];
                let count = connection.read(&mut bytes).await.unwrap();
                heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            connection
                .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            heard
        });
        let faults = Settings::from_pairs([("timezone", "Mars/Olympus")]).unwrap_err();
        report_init_error(&runtime_api, &Failure::from(faults).into())
            .await
            .unwrap();
        let heard = heard.await.unwrap();
        assert!(
            heard.starts_with("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"),
            "{heard}"
        );
        assert!(
            heard.contains("Lambda-Runtime-Function-Error-Type: Runtime.Misconfigured"),
            "{heard}"
        );
        assert!(
            heard.contains("secret_postgres") && heard.contains("timezone"),
            "{heard}"
        );
    }

    #[test]
    fn secrets_are_read_again_after_a_failure_that_new_ones_may_mend_told_or_handed_back_to_a_queue() {
        use Disposition::{Bug, Misconfigured, Reject, Retry};
        let handed_back = |failures: &[Disposition]| Ok(Answer::in_spite_of(failures.to_vec(), json!({})));
        let failed = |disposition| Err(Failure::new(disposition, anyhow::anyhow!("refused")));
        for (answer, lacks) in [
            (Ok(json!({}).into()), false),
            (handed_back(&[Retry, Reject, Bug]), false),
            (handed_back(&[Retry, Misconfigured, Retry]), true),
            (failed(Misconfigured), true),
            (failed(Retry), false),
        ] {
            assert_eq!(may_lack_new_secrets(&answer), lacks, "{answer:?}");
        }
    }

    #[test]
    fn the_invocation_carries_lambdas_id_deadline_and_trace() {
        let mut context = Context::default();
        context.request_id = "r1".to_owned();
        context.deadline = 1_700_000_000_000;
        context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned());
        let invocation = invocation(&context);
        assert_eq!(invocation.request_id, "r1");
        assert_eq!(invocation.deadline.timestamp(), 1_700_000_000);
        assert_eq!(
            invocation.trace,
            TraceId::parse("1-5759e988-bd862e3fe1be46a994272793")
        );
    }
}

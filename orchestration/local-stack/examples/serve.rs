//! A stack to play with: `cargo run -p longshore-local-stack --example serve -- FOLDER [PORT [EXECUTABLE [REPORT_TO]]]`.
//!
//! It has one bucket, `landing`, one topic, `loads`, and one queue, `outbox`, that listens to the topic. The executable is
//! served as the function `loader`, which is told of every object under `in/`; it finds the last argument in its
//! variable REPORT_TO, which is what the example `reporting_function` wants.

use std::path::PathBuf;
use std::time::Duration;

use longshore_local_stack::{
    BucketNotification, FunctionOptions, LocalStack, QueueOptions, StackError, StackOptions,
};

#[tokio::main]
async fn main() -> Result<(), StackError> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .unwrap_or_else(|| "/tmp/longshore-stack".to_owned());
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let stack = LocalStack::start(StackOptions {
        port,
        ..options(folder)
    })
    .await?;
    show(&stack);
    if let Some(executable) = arguments.next() {
        let report_to = arguments.next().unwrap_or_default();
        stack
            .start_functions(vec![function(executable.into(), report_to)])
            .await?;
    }
    // Without a signal to wait for, stopping at once is all that is left to do.
    tokio::signal::ctrl_c().await.ok();
    stack.stop().await;
    Ok(())
}

fn options(folder: String) -> StackOptions {
    StackOptions {
        buckets: vec!["landing".to_owned()],
        secrets: vec![(
            "example".to_owned(),
            r#"{"username":"u","password":"p"}"#.to_owned(),
        )],
        topics: vec!["loads".to_owned()],
        queues: vec![QueueOptions {
            name: "outbox".to_owned(),
            subscriptions: vec!["loads".to_owned()],
            ..QueueOptions::default()
        }],
        bucket_notifications: vec![BucketNotification {
            bucket: "landing".to_owned(),
            prefix: "in/".to_owned(),
            suffix: String::new(),
            function: "loader".to_owned(),
        }],
        ..StackOptions::new(folder)
    }
}

fn function(executable: PathBuf, report_to: String) -> FunctionOptions {
    FunctionOptions {
        name: "loader".to_owned(),
        executable,
        environment: vec![("REPORT_TO".to_owned(), report_to)],
        concurrency: 1,
        timeout: Duration::from_secs(60),
        memory_mb: 128,
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn show(stack: &LocalStack) {
    let StackOptions {
        region,
        access_key_id,
        secret_access_key,
        ..
    } = StackOptions::new("");
    println!(
        "export AWS_ENDPOINT_URL={} AWS_REGION={region} AWS_DEFAULT_REGION={region}",
        stack.endpoint_url()
    );
    println!("export AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={secret_access_key}");
}

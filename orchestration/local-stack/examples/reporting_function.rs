//! A function that tells a TCP address what it was asked to do and does what the address answers.
//!
//! The tests of the stack are that address. By hand: run `nc -lk 127.0.0.1 9000`, serve this executable with the variable
//! `REPORT_TO=127.0.0.1:9000`, and type `answer`, `fail`, `crash` or `hang` for each event.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

#[expect(clippy::exit, reason = "a crash is what is asked for")]
#[expect(clippy::print_stdout, reason = "what a function prints belongs in its log")]
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    println!("request {}", event.context.request_id);
    match ask(&event).await?.trim() {
        "fail" => Err(Error::from("told to fail")),
        "crash" => std::process::exit(3),
        "hang" => std::future::pending().await,
        _ => Ok(json!({ "echo": event.payload })),
    }
}

#[expect(clippy::disallowed_methods, reason = "an example has no settings of its own")]
async fn ask(event: &LambdaEvent<Value>) -> Result<String, Error> {
    let mut stream = TcpStream::connect(std::env::var("REPORT_TO")?).await?;
    let variables: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    let report = json!({
        "requestId": event.context.request_id,
        "arn": event.context.invoked_function_arn,
        "event": event.payload,
        "pid": std::process::id(),
        "variables": variables,
    });
    stream.write_all(format!("{report}\n").as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    Ok(answer)
}

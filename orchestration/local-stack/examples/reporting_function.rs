//! A function that tells a TCP address what it was asked to do and does what the address answers.
//!
//! The tests of the stack are that address. By hand: run `nc -lk 127.0.0.1 9000`, serve this executable with the variable
//! `REPORT_TO=127.0.0.1:9000`, and type `answer`, `fail`, `crash`, `hang` or `walk` for each event. A walk makes five
//! calls: it stores an object, reads the secret `database`, connects to that database, adds a row to the table `walked`,
//! and stores another object.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The configuration of any of the SDK's clients, as the environment has it; their types differ, their methods do not.
macro_rules! client_config {
    ($sdk:ident) => {
        $sdk::config::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(variable("AWS_REGION")))
            .credentials_provider(Credentials::new(
                variable("AWS_ACCESS_KEY_ID"),
                variable("AWS_SECRET_ACCESS_KEY"),
                None,
                None,
                "environment",
            ))
            .endpoint_url(variable("AWS_ENDPOINT_URL"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build()
    };
}

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
        "walk" => {
            walk(&event.context.request_id).await?;
            Ok(json!({ "walked": true }))
        }
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

async fn walk(request_id: &str) -> Result<(), Error> {
    let objects = aws_sdk_s3::Client::from_conf(client_config!(aws_sdk_s3));
    let secrets = aws_sdk_secretsmanager::Client::from_conf(client_config!(aws_sdk_secretsmanager));
    put(&objects, "out/first").await?;
    let secret = secrets.get_secret_value().secret_id("database").send().await?;
    let login: Value = serde_json::from_str(secret.secret_string().unwrap_or_default())?;
    let mut config = tokio_postgres::Config::new();
    config
        .host(login["host"].as_str().unwrap_or_default())
        .port(u16::try_from(login["port"].as_u64().unwrap_or_default())?)
        .user(login["username"].as_str().unwrap_or_default())
        .password(login["password"].as_str().unwrap_or_default())
        .dbname(login["dbname"].as_str().unwrap_or_default());
    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    client
        .batch_execute(&format!("INSERT INTO walked VALUES ('{request_id}')"))
        .await?;
    drop(client);
    connection.await??;
    put(&objects, "out/second").await
}

async fn put(objects: &aws_sdk_s3::Client, key: &str) -> Result<(), Error> {
    let put = objects.put_object().bucket("landing").key(key);
    put.body(b"walked".to_vec().into()).send().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example has no settings of its own")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

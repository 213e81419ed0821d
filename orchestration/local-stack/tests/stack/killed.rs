//! `kill -9` on the whole stack, in the middle of an invocation.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{Director, example, get, put, s3_at};

/// A stack in a process of its own, and its URL.
async fn spawned(folder: &Path, director: &Director) -> (Child, String) {
    let mut process = Command::new(example("serve"))
        .arg(folder)
        .args([
            "0".into(),
            example("reporting_function"),
            director.address().into(),
        ])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    lines.next_line().await.unwrap().unwrap();
    let url = first.split(['=', ' ']).nth(2).unwrap().to_owned();
    (process, url)
}

#[tokio::test]
async fn a_killed_stack_takes_its_functions_along_and_goes_on_where_it_was() {
    let director = Director::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut stack, url) = spawned(folder.path(), &director).await;
    put(&s3_at(&url), "in/a.txt", b"confirmed").await;
    let interrupted = director.next().await;
    let id = interrupted.request_id().to_owned();
    stack.kill().await.unwrap();
    // The function is in the middle of its work and hears nothing of the end: its guard ends it.
    interrupted.gone().await;

    let (_stack, url) = spawned(folder.path(), &director).await;
    assert_eq!(get(&s3_at(&url), "in/a.txt").await, b"confirmed");
    let again = director.next().await;
    assert_eq!(again.request_id(), id);
    again.tell("answer").await;
}

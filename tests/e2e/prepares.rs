//! Files that an operator prepares by hand, and what that takes: counted at the requests, not by the clock.

use std::io::Write;
use std::process::Output;

use anyhow::Context;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::support::World;

const MIB: usize = 1024 * 1024;
const PARTS: u64 = 3;

/// A rule in a document: the control database is not asked.
fn rule_file() -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(
        b"rules:
  - ext_file_config_sid: 1
    file_prefix: nobody.
    file_format: txt
    delimiter: '|'
    trailer_flag: Y
    trailer_tag: 'T|'
    tgt_schema_name: s
    tgt_table_name: t
    columns: [id, name]
",
    )?;
    Ok(file)
}

/// Data of at least so many bytes, and how many records they are.
fn data(bytes: usize) -> (String, usize) {
    let mut text = String::with_capacity(bytes + 100);
    let mut records = 0;
    while text.len() < bytes {
        records += 1;
        text += &format!("{records}|{}\n", "plum ".repeat(records % 20));
    }
    (text, records)
}

fn prepare(world: &World, url: &str, more: &[&str]) -> anyhow::Result<Output> {
    let rule = rule_file()?;
    let path = rule.path().to_str().context("a path of text")?;
    let arguments = ["--json", "file", "prepare", url, "--rule-file", path, "--stats"];
    let arguments: Vec<_> = arguments.iter().chain(more).copied().collect();
    world.longshore(&arguments)
}

fn said(output: &Output) -> anyhow::Result<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The parts' bytes, one after the other.
async fn parts(world: &World, said: &Value) -> anyhow::Result<Vec<Vec<u8>>> {
    let bucket = format!("s3://{}/", world.ready().bucket);
    let mut parts = Vec::new();
    for part in said["parts"].as_array().context("parts")? {
        let url = part["url"].as_str().context("a url")?;
        let key = url.strip_prefix(&bucket).context("the landing bucket")?;
        let bytes = world
            .get(key)
            .await?
            .with_context(|| format!("{key} is not there"))?;
        assert_eq!(part["size_bytes"], bytes.len());
        parts.push(bytes);
    }
    Ok(parts)
}

fn figure(said: &Value, name: &str) -> u64 {
    said["stats"][name].as_u64().unwrap_or(u64::MAX)
}

#[tokio::test]
async fn a_long_file_is_cut_without_moving_its_bytes() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (data, records) = data(17 * MIB);
    let key = "by_hand/long_1.txt";
    world.put(key, format!("{data}T|{records}\n")).await?;
    let url = format!("s3://{}/{key}", world.ready().bucket);

    let cut = said(&prepare(&world, &url, &["--parts", &PARTS.to_string()])?)?;
    assert_eq!(cut["way"], "by_ranges");
    assert_eq!(cut["declared_records"], records);
    assert_eq!(cut["records"], Value::Null, "nobody counted them");
    assert!(figure(&cut, "requests") <= 4 * PARTS + 1, "{cut}");
    assert!(figure(&cut, "bytes_read") <= 64 * 1024 * (PARTS + 1), "{cut}");
    assert_eq!(figure(&cut, "bytes_written"), 0, "{cut}");
    let written = parts(&world, &cut).await?;
    assert_eq!(written.len() as u64, PARTS);
    assert!(written.iter().all(|part| part.ends_with(b"\n")));
    assert!(written.concat() == data.as_bytes(), "the parts are not the data");

    let counted = said(&prepare(&world, &url, &["--parts", "2", "--verify-count"])?)?;
    assert_eq!(counted["records"], records);
    assert_eq!(figure(&counted, "bytes_written"), 0, "{counted}");
    let most = data.len() as u64 + 64 * 1024 * 3;
    assert!(figure(&counted, "bytes_read") <= most, "{counted}");
    assert!(parts(&world, &counted).await?.concat() == data.as_bytes());
    Ok(())
}

#[tokio::test]
async fn a_short_or_compressed_file_is_prepared_in_a_stream() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (data, records) = data(MIB);
    let key = "by_hand/short_1.txt";
    world.put(key, format!("{data}T|{records}\n")).await?;
    let url = format!("s3://{}/{key}", world.ready().bucket);

    let plain = said(&prepare(&world, &url, &["--parts", "4"])?)?;
    assert_eq!(
        (&plain["way"], &plain["records"]),
        (&"in_a_stream".into(), &records.into())
    );
    let written = parts(&world, &plain).await?;
    assert_eq!(written.len(), 4);
    assert!(written.concat() == data.as_bytes());

    let out = format!("s3://{}/by_hand/out/", world.ready().bucket);
    let gzipped = said(&prepare(
        &world,
        &url,
        &["--parts", "2", "--gzip", "--out", &out],
    )?)?;
    let written = parts(&world, &gzipped).await?;
    assert!(written.iter().all(|part| part.starts_with(b"\x1f\x8b")));
    assert!(figure(&gzipped, "bytes_written") < data.len() as u64);
    assert_eq!(gzipped["parts"][1]["url"], format!("{out}short_1.txt.0002.gz"));
    Ok(())
}

#[tokio::test]
async fn a_long_file_that_is_wrong_is_refused_with_its_place_and_leaves_nothing() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (data, records) = data(6 * MIB);
    let key = "by_hand/wrong_1.txt";
    world.put(key, format!("{data}T|{}\n", records + 1)).await?;
    let url = format!("s3://{}/{key}", world.ready().bucket);
    let output = prepare(&world, &url, &["--parts", "2", "--verify-count"])?;
    assert_eq!(output.status.code(), Some(1));
    let words = format!(
        "line {}, byte {}: the trailer says {} records, the file has {records}",
        records + 1,
        data.len(),
        records + 1
    );
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains(&words), "{errors}");

    world.put(key, format!("{data}no trailer\n")).await?;
    let output = prepare(&world, &url, &["--parts", "2"])?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("trailer_tag_missing"), "{errors}");
    assert!(errors.contains(&format!("line {}", records + 1)), "{errors}");
    let left = world.keys_in("processing/by-hand").await?;
    assert!(left.iter().all(|key| !key.contains("wrong_1")), "{left:?}");
    Ok(())
}

//! Files that an operator prepares by hand, and what that takes: counted at the requests, not by the clock.

use std::io::Write;
use std::process::Output;

use anyhow::Context;
use bzip2::write::BzEncoder;
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::formats::gzip;
use crate::support::World;

const MIB: usize = 1024 * 1024;
const PARTS: u64 = 3;

const TRAILER: &str = "    file_format: txt
    delimiter: '|'
    trailer_flag: Y
    trailer_tag: 'T|'
";

/// A rule in a document: the control database is not asked.
fn rule_file(fields: &str) -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    writeln!(
        file,
        "rules:
  - ext_file_config_sid: 1
    file_prefix: nobody.
{fields}    tgt_schema_name: s
    tgt_table_name: t
    columns: [id, name]"
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
    prepare_under(TRAILER, world, url, more)
}

fn prepare_under(fields: &str, world: &World, url: &str, more: &[&str]) -> anyhow::Result<Output> {
    let rule = rule_file(fields)?;
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

/// What must go through a stream: its name, its rule, its bytes, and what comes of them in all parts together.
struct Streamed {
    name: &'static str,
    fields: &'static str,
    bytes: Vec<u8>,
    expected: String,
    records: usize,
}

const CSV: &str = "    file_format: csv\n    file_type: csv\n    quote_char: '\"'\n    delimiter: ','\n";

fn streamed() -> anyhow::Result<Vec<Streamed>> {
    let (text, records) = data(MIB);
    let with_trailer = format!("{text}T|{records}\n");
    let (csv, csv_records) = {
        let mut csv = String::new();
        let mut records = 0;
        while csv.len() < MIB {
            records += 1;
            csv += &format!("{records},\"plum\nand \"\"fig\"\", {records}\"\r\n");
        }
        (csv, records)
    };
    let mut bzip2 = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(with_trailer.as_bytes())?;
    let utf16 = std::iter::once(0xFEFF).chain("1|Pflaumenknödel\n2|fig\n".encode_utf16());
    Ok(vec![
        Streamed {
            name: "quoted_1.csv",
            fields: CSV,
            bytes: csv.clone().into_bytes(),
            expected: csv,
            records: csv_records,
        },
        Streamed {
            name: "packed_1.gz",
            fields: "    file_format: gz\n    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n",
            bytes: gzip(with_trailer.as_bytes())?,
            expected: text.clone(),
            records,
        },
        Streamed {
            name: "packed_1.bz2",
            fields: "    file_format: bz2\n    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n",
            bytes: bzip2.finish()?,
            expected: text.clone(),
            records,
        },
        Streamed {
            name: "packed_1.zst",
            fields: "    file_format: zst\n    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n",
            bytes: zstd::encode_all(with_trailer.as_bytes(), 1)?,
            expected: text,
            records,
        },
        Streamed {
            name: "wide_1.txt",
            fields: "    file_format: txt\n    delimiter: '|'\n    encoding: UTF16\n",
            bytes: utf16.flat_map(u16::to_le_bytes).collect(),
            expected: "1|Pflaumenknödel\n2|fig\n".to_owned(),
            records: 2,
        },
    ])
}

#[tokio::test]
async fn what_must_go_through_a_stream_is_prepared_from_a_bucket_and_from_a_disk() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let bucket = &world.ready().bucket;
    for file in streamed()? {
        let key = format!("by_hand/{}", file.name);
        world.put(&key, file.bytes.clone()).await?;
        let path = directory.path().join(file.name);
        std::fs::write(&path, &file.bytes)?;
        let sources = [
            (format!("s3://{bucket}/{key}"), "a"),
            (path.display().to_string(), "b"),
        ];
        for (source, out) in sources {
            let out = format!("s3://{bucket}/by_hand/streamed/{out}/");
            let more = ["--parts", "3", "--verify-count", "--out", &out];
            let told = said(&prepare_under(file.fields, &world, &source, &more)?)?;
            assert_eq!(told["way"], "in_a_stream", "{told}");
            assert_eq!(told["records"], file.records, "{told}");
            assert_eq!(told["file"], source, "{told}");
            let written = parts(&world, &told).await?;
            assert!(
                written.concat() == file.expected.as_bytes(),
                "{source}: the parts are not the data"
            );
            assert!(written.len() > 1 || file.records < 3, "{told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_file_of_several_record_types_is_prepared_type_by_type() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let fields = "    file_format: txt\n    delimiter: '|'\n    header_flag: Y\n    split_file_flag: Y\n    split_prefix: HD,DT\n";
    let text = "kind|id\nHD|1\nDT|plum\nXX|?\nDT|fig\nHD|2\n";
    world.put("by_hand/types_1.txt", text).await?;
    let url = format!("s3://{}/by_hand/types_1.txt", world.ready().bucket);
    let told = said(&prepare_under(fields, &world, &url, &[])?)?;
    assert_eq!(told["way"], "in_a_stream", "{told}");
    let types: Vec<&Value> = told["parts"]
        .as_array()
        .context("parts")?
        .iter()
        .map(|part| &part["record_type"])
        .collect();
    assert_eq!(types, ["HD", "DT"], "{told}");
    let written = parts(&world, &told).await?;
    assert_eq!(written, [b"HD|1\nHD|2\n".to_vec(), b"DT|plum\nDT|fig\n".to_vec()]);
    assert_eq!(told["record_types"][1]["records"], 2, "{told}");
    assert!(
        told["remark"]
            .as_str()
            .is_some_and(|remark| remark.contains("on line 4 begins with none of HD, DT")),
        "{told}"
    );
    assert!(
        told["parts"][0]["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("types_1.txt.HD.0001")),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_prepared_is_refused_with_what_to_do_instead() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let path = directory.path().join("here_1.txt");
    std::fs::write(&path, "1|plum\nT|1\n")?;
    let path = path.display().to_string();
    let nowhere = directory.path().join("nowhere.txt").display().to_string();
    let url = format!("s3://{}/by_hand/nothing.txt", world.ready().bucket);
    let out = format!("s3://{}/by_hand/refused/", world.ready().bucket);
    let out: &[&str] = &["--out", &out];
    let cases: [(&str, &str, &[&str], &str); 6] = [
        (TRAILER, &path, &[], "name their place with --out"),
        (TRAILER, &nowhere, out, "nowhere.txt cannot be read"),
        (TRAILER, "/dev/null", out, "write it to a disk first"),
        (
            "    file_format: lzo\n    delimiter: '|'\n",
            &url,
            &[],
            "decompress it with lzop -d",
        ),
        (
            "    file_format: txt\n    delimiter: '|'\n    encryption_secret: loader-key\n",
            &url,
            &[],
            "decrypt it",
        ),
        (
            "    file_format: parquet\n    file_type: parquet\n",
            &url,
            &[],
            "COPY reads it where it lies",
        ),
    ];
    for (fields, file, more, words) in cases {
        let output = prepare_under(fields, &world, file, more)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(words), "{words}: {errors}");
    }
    Ok(())
}

//! Files that an operator splits by hand, on a disk and in a bucket: each byte is in one of the files, or nothing comes up.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::World;

const MIB: usize = 1024 * 1024;
const TEXT: &[u8] = b"HD|1\r\nDT|plum\nDT|fig\n\nD\n../x\nHD|2\nDT|last";

fn split(world: &World, file: &str, out: &Path) -> anyhow::Result<Output> {
    let out = out.to_str().context("a path of text")?;
    world.longshore(&[
        "--json", "file", "split", file, "--by", "1:2", "--out", out, "--stats",
    ])
}

fn read(folder: &Path, name: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(folder.join(name))?)
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<anyhow::Result<_>>()?;
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn each_value_gets_a_file_from_a_disk_and_from_a_bucket() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let path = directory.path().join("types.txt");
    std::fs::write(&path, TEXT)?;
    world.put("by_hand/types.txt", TEXT.to_vec()).await?;
    let url = format!("s3://{}/by_hand/types.txt", world.ready().bucket);
    let sources = [
        (path.to_str().context("a path of text")?.to_owned(), "a"),
        (url, "b"),
    ];
    for (file, out) in sources {
        let out = directory.path().join(out);
        let output = split(&world, &file, &out)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{errors}");
        assert_eq!(names(&out)?, ["%", "%2E%2E", "D", "DT", "HD"]);
        assert_eq!(read(&out, "HD")?, "HD|1\r\nHD|2\n");
        assert_eq!(read(&out, "DT")?, "DT|plum\nDT|fig\nDT|last");
        assert_eq!(
            (read(&out, "%")?, read(&out, "D")?, read(&out, "%2E%2E")?),
            ("\n".to_owned(), "D\n".to_owned(), "../x\n".to_owned())
        );
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(told["files"][0]["value"], "HD", "{told}");
        assert_eq!(told["files"][1]["records"], 3, "{told}");
        assert_eq!(told["stats"]["bytes_read"], TEXT.len(), "{told}");
        assert_eq!(told["stats"]["bytes_written"], TEXT.len(), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_split_that_cannot_be_whole_leaves_no_folder() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let out = directory.path().join("out");
    let compressed = directory.path().join("types.gz");
    std::fs::write(&compressed, b"\x1F\x8B\x08\x00 and so on")?;
    let compressed = compressed.to_str().context("a path of text")?.to_owned();
    let url = format!("s3://{}/by_hand/nowhere.txt", world.ready().bucket);
    let nowhere = directory.path().join("nowhere.txt").display().to_string();
    let many = directory.path().join("many.txt");
    let value = |line: u16| [0x80 | (line / 128) as u8, 0x80 | (line % 128) as u8, b'|', b'\n'];
    let lines: Vec<u8> = (0..5000).flat_map(value).collect();
    std::fs::write(&many, lines)?;
    let many = many.display().to_string();
    for (file, word) in [
        (compressed.as_str(), "compressed with gzip; decompress it first"),
        (&url, "does not exist"),
        (&nowhere, "cannot be read"),
        (&many, "line 4097: bytes 1:2 have more than 4096 values"),
    ] {
        let output = split(&world, file, &out)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(word), "{errors}");
    }
    assert_eq!(names(directory.path())?, ["many.txt", "types.gz"]);

    std::fs::create_dir(&out)?;
    std::fs::write(out.join("theirs"), b"x")?;
    let output = split(&world, &compressed, &out)?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("no empty folder"), "{errors}");
    assert_eq!(names(&out)?, ["theirs"]);
    Ok(())
}

/// What lies under a prefix of the bucket, by the rest of its key.
async fn objects_in(world: &World, prefix: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut objects = BTreeMap::new();
    for key in world.keys_in(prefix).await? {
        let bytes = world.get(&key).await?.context("it was listed")?;
        let name = key.strip_prefix(prefix).context("the prefix")?;
        objects.insert(name.trim_start_matches('/').to_owned(), bytes);
    }
    Ok(objects)
}

async fn uploads_in(world: &World, prefix: &str) -> anyhow::Result<usize> {
    let request = world
        .objects
        .list_multipart_uploads()
        .bucket(&world.ready().bucket);
    Ok(request.prefix(prefix).send().await?.uploads().len())
}

/// Records of many types, each some of them long enough for several parts.
fn many_types(bytes: usize) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let (mut text, mut expected) = (Vec::with_capacity(bytes), BTreeMap::<String, Vec<u8>>::new());
    for line in 0.. {
        if text.len() >= bytes {
            break;
        }
        // Half of the records are of two types, the others of three hundred.
        let value = match line % 4 {
            0 => "A0".to_owned(),
            1 => "B0".to_owned(),
            _ => format!("{:c>2}", char::from(b'a' + (line % 26) as u8)),
        };
        let record = format!("{value}|{line}|{}\n", "plum ".repeat(line % 60));
        text.extend_from_slice(record.as_bytes());
        expected
            .entry(value)
            .or_default()
            .extend_from_slice(record.as_bytes());
    }
    (text, expected)
}

#[tokio::test]
async fn a_prefix_takes_an_object_for_each_value_from_a_disk_and_from_a_bucket() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let path = directory.path().join("long.txt");
    let (text, expected) = many_types(22 * MIB);
    std::fs::write(&path, &text)?;
    world.put("by_hand/split/long.txt", text.clone()).await?;
    let bucket = &world.ready().bucket;
    let sources = [
        (path.display().to_string(), "by_hand/split_a"),
        (format!("s3://{bucket}/by_hand/split/long.txt"), "by_hand/split_b"),
    ];
    for (file, prefix) in sources {
        let out = format!("s3://{bucket}/{prefix}/");
        let output = split(&world, &file, Path::new(&out))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{errors}");
        let objects = objects_in(&world, prefix).await?;
        assert!(objects == expected, "{:?}", objects.keys());
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(told["files"][0]["file"], format!("{out}A0"), "{told}");
        assert_eq!(told["stats"]["bytes_read"], text.len(), "{told}");
        assert_eq!(told["stats"]["bytes_written"], text.len(), "{told}");
        assert_eq!(uploads_in(&world, prefix).await?, 0);

        let again = split(&world, &file, Path::new(&out))?;
        let errors = String::from_utf8_lossy(&again.stderr).into_owned();
        assert_eq!(again.status.code(), Some(1), "{errors}");
        assert!(errors.contains("is there already; name a prefix"), "{errors}");
    }
    Ok(())
}

#[tokio::test]
async fn a_prefix_takes_the_same_names_as_a_folder() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let path = directory.path().join("types.txt");
    std::fs::write(&path, TEXT)?;
    let out = format!("s3://{}/by_hand/split_names", world.ready().bucket);
    let output = split(&world, &path.display().to_string(), Path::new(&out))?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let objects = objects_in(&world, "by_hand/split_names").await?;
    let names: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(names, ["%", "%2E%2E", "D", "DT", "HD"]);
    assert_eq!(objects["DT"], b"DT|plum\nDT|fig\nDT|last");
    Ok(())
}

#[tokio::test]
async fn a_split_that_cannot_be_whole_leaves_nothing_in_the_bucket() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let prefix = "by_hand/split_wrong";
    let out = format!("s3://{}/{prefix}/", world.ready().bucket);
    // Long enough for parts to be on their way before the value that is one too many.
    let (mut text, _) = many_types(22 * MIB);
    let value = |line: u16| [0x80 | (line / 128) as u8, 0x80 | (line % 128) as u8, b'|', b'\n'];
    text.extend((0..5000).flat_map(value));
    let path = directory.path().join("many.txt");
    std::fs::write(&path, text)?;
    let output = split(&world, &path.display().to_string(), Path::new(&out))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("have more than 4096 values"), "{errors}");
    assert_eq!(objects_in(&world, prefix).await?.len(), 0);
    assert_eq!(uploads_in(&world, prefix).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_split_into_a_bucket_that_is_stopped_leaves_nothing_there() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let prefix = "by_hand/split_stopped";
    let out = format!("s3://{}/{prefix}/", world.ready().bucket);
    let pipe = directory.path().join("pipe");
    anyhow::ensure!(Command::new("mkfifo").arg(&pipe).status()?.success(), "mkfifo");
    let file = pipe.display().to_string();
    let arguments = ["file", "split", &file, "--by", "1:2", "--out", &out];
    let mut child = world.stack.local.command(&arguments)?.spawn()?;
    let (text, _) = many_types(22 * MIB);
    let write = tokio::task::spawn_blocking(move || -> std::io::Result<std::fs::File> {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe)?;
        pipe.write_all(&text)?;
        Ok(pipe)
    });
    let pipe = write.await??;
    while uploads_in(&world, prefix).await? == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    assert!(interrupted.success());
    // The command waits for the pipe until it ends.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(pipe);
    let status = child.wait()?;
    assert_eq!(status.code(), Some(2));
    assert_eq!(objects_in(&world, prefix).await?.len(), 0);
    assert_eq!(uploads_in(&world, prefix).await?, 0);
    Ok(())
}

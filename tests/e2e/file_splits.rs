//! Files that an operator splits by hand, on a disk and in a bucket: each byte is in one of the files, or no folder comes up.

use std::path::Path;
use std::process::Output;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::World;

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

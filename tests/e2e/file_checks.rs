//! Files that an operator checks by hand, on a disk and in a bucket: the verdict is the function's.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::World;

const PIPES: &str = "rules:
  - ext_file_config_sid: 7
    file_prefix: nobody.
    file_format: txt
    delimiter: '|'
    trailer_flag: Y
    trailer_tag: 'T|'
    tgt_schema_name: s
    tgt_table_name: t
    columns: [id, name]
";

fn write(directory: &TempDir, name: &str, text: &[u8]) -> anyhow::Result<String> {
    let path = directory.path().join(name);
    std::fs::File::create(&path)?.write_all(text)?;
    text_of(&path)
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().context("a path of text")?.to_owned())
}

fn check(world: &World, file: &str, rules: &str) -> anyhow::Result<Output> {
    world.longshore(&["--json", "file", "check", file, "--rule-file", rules, "--stats"])
}

fn said(output: &Output) -> anyhow::Result<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn a_sound_file_is_told_with_its_counts_from_a_disk_and_from_a_bucket() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let rules = write(&directory, "rules.yaml", PIPES.as_bytes())?;
    let text = b"1|plum\n\n2|fig\nT|2\n";
    let path = write(&directory, "sound_1.txt", text)?;
    world.put("by_hand/sound_1.txt", text.to_vec()).await?;
    let url = format!("s3://{}/by_hand/sound_1.txt", world.ready().bucket);

    // From the archive, too, where a time follows the name.
    let archived = write(&directory, "sound_1.txt_2026-11-21-07-05-09", text)?;
    for (file, is_object) in [(path, false), (url, true), (archived, false)] {
        let told = said(&check(&world, &file, &rules)?)?;
        assert_eq!(told["records"], 2, "{told}");
        assert_eq!(told["declared_records"], 2, "{told}");
        assert_eq!(told["blank_lines"], 1, "{told}");
        assert_eq!(told["line_ending"], "lf", "{told}");
        assert_eq!(told["stats"]["bytes_read"], text.len(), "{told}");
        assert_eq!(told["stats"]["requests"].as_u64() > Some(0), is_object, "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_would_be_rejected_is_told_with_its_place_and_rule() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let rules = write(&directory, "rules.yaml", PIPES.as_bytes())?;
    let text = b"1|plum\n2|fig\nT|3\n";
    let path = write(&directory, "wrong_2.txt", text)?;
    world.put("by_hand/wrong_2.txt", text.to_vec()).await?;
    let url = format!("s3://{}/by_hand/wrong_2.txt", world.ready().bucket);
    for file in [&path, &url] {
        let output = check(&world, file, &rules)?;
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        for word in [
            file,
            "rule 7",
            "trailer_count_mismatch",
            "line 3, byte 13",
            "ask the sender",
        ] {
            assert!(errors.contains(word), "{word}: {errors}");
        }
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(told["rejected"], "trailer_count_mismatch", "{told}");
        assert_eq!(told["stats"]["bytes_read"], text.len(), "{told}");
    }

    let csv = write(&directory, "sound_2.csv", b"1|plum\nT|1\n")?;
    let errors = String::from_utf8(check(&world, &csv, &rules)?.stderr)?;
    assert!(errors.contains("extension_mismatch"), "{errors}");

    let nowhere = text_of(&directory.path().join("nowhere.txt"))?;
    let output = check(&world, &nowhere, &rules)?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains("nowhere.txt cannot be read"), "{errors}");

    let gone = format!("s3://{}/by_hand/nowhere.txt", world.ready().bucket);
    let output = check(&world, &gone, &rules)?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains("does not exist"), "{errors}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_only_copy_reads_is_taken_by_its_name() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let parquet = PIPES
        .replace("file_format: txt", "file_format: parquet\n    file_type: parquet")
        .replace(
            "    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n",
            "",
        );
    let rules = write(&directory, "rules.yaml", parquet.as_bytes())?;
    let path = write(&directory, "sound_3.parquet", b"PAR1")?;
    world.put("by_hand/sound_3.parquet", b"PAR1".to_vec()).await?;
    let url = format!("s3://{}/by_hand/sound_3.parquet", world.ready().bucket);
    for file in [path, url] {
        let told = said(&check(&world, &file, &rules)?)?;
        assert_eq!(told["records"], Value::Null, "{told}");
        assert_eq!(told["bytes"], 4, "{told}");
        assert!(
            told["remark"]
                .as_str()
                .is_some_and(|remark| remark.contains("by its name alone")),
            "{told}"
        );
        assert_eq!(told["stats"]["bytes_read"], 0, "{told}");
    }
    let output = check(
        &world,
        &text_of(&directory.path().join("nowhere.parquet"))?,
        &rules,
    )?;
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

const WIDTHS: &str = "rules:
  - ext_file_config_sid: 70
    file_prefix: '700.'
    file_format: fixed_width
    file_type: txt
    split_file_flag: Y
    split_prefix: HD,DT
    trailer_flag: Y
    trailer_tag: 'T|'
  - ext_file_config_sid: 71
    file_prefix: '700-HD.'
    file_format: fixed_width
    file_type: txt
    tgt_schema_name: s
    tgt_table_name: header
    columns:
    - {column_name: kind, column_width_fixed: 2}
    - {column_name: day, column_width_fixed: 8}
  - ext_file_config_sid: 72
    file_prefix: '700-DT.'
    file_format: fixed_width
    file_type: txt
    tgt_schema_name: s
    tgt_table_name: detail
    columns:
    - {column_name: kind, column_width_fixed: 2}
    - {column_name: name, column_width_fixed: 6}
    - {column_name: qty, column_width_fixed: 3}
";

#[tokio::test]
async fn records_of_fixed_width_are_measured_one_by_one_each_type_by_its_own_rule() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let directory = TempDir::new()?;
    let rules = write(&directory, "widths.yaml", WIDTHS.as_bytes())?;
    let sound = "HD20261127\nDTplum  003\nDTfig   1\nT|3\n";
    let wrong = "HD20261127\nDTplum  \nDTfig   0012\nHD20261127 \nT|4\n";
    world.put("by_hand/wrong_700.txt", wrong).await?;
    let url = format!("s3://{}/by_hand/wrong_700.txt", world.ready().bucket);
    let path = write(&directory, "sound_700.txt", sound.as_bytes())?;
    let told = said(&check(&world, &path, &rules)?)?;
    assert_eq!(told["faulty_records"], 0, "{told}");
    assert_eq!(told["record_types"][1]["records"], 2, "{told}");

    for file in [write(&directory, "wrong_700.txt", wrong.as_bytes())?, url] {
        let output = check(&world, &file, &rules)?;
        assert_eq!(output.status.code(), Some(1));
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(told["faulty_records"], 2, "{told}");
        let (first, second) = (&told["record_faults"][0], &told["record_faults"][1]);
        assert_eq!(
            (&first["line"], &first["column"]),
            (&2.into(), &"qty".into()),
            "{told}"
        );
        assert_eq!(
            (&first["type"], &first["rule"]),
            (&"DT".into(), &72.into()),
            "{told}"
        );
        assert_eq!(
            (&second["line"], &second["column"]),
            (&3.into(), &"qty".into()),
            "{told}"
        );
        assert_eq!(told["record_types"][0]["records"], 2, "{told}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        for words in [
            "COPY would refuse 2 of its records",
            "line 2, column qty, rule 72 (type DT): the record ends after 8 characters, and the column begins at character 9",
            "FILLRECORD",
        ] {
            assert!(errors.contains(words), "{words}: {errors}");
        }
    }
    Ok(())
}

//! Compressed files, whole and in several members.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-file-compression.html>

use std::io::Write as _;

use crate::support::World;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;
const FORMATS: [(&str, Compress); 3] = [("gzip", gzip), ("bzip2", bzip2), ("zstd", zstd)];

/// Lines of an id, a text and a date.
fn rows(count: u32) -> Vec<u8> {
    let row = |id: u32| format!("{id}|text of row {id}|2024-02-29\n").into_bytes();
    (1..=count).flat_map(row).collect()
}

#[tokio::test]
async fn members_are_one_file_wherever_one_ends() {
    let world = World::new().await;
    let text = rows(3000);
    // The first cut stands within a line, and the second member is empty.
    let cuts = [&text[..12_345], b"", &text[12_345..80_000], &text[80_000..]];
    for (option, compress) in FORMATS {
        world.run("create table t (a int, b varchar(30), c date)").await;
        world.put("k", cuts.map(compress).concat());
        let copied = world.copy("t", "k", option).await;
        assert_eq!(copied["ResultRows"], 3000, "{option}: {}", copied["Error"]);
        assert_eq!(
            world
                .rows("select count(distinct b), sum(a), min(c), max(c) from t")
                .await,
            ["3000|4501500|2024-02-29|2024-02-29"],
            "{option}"
        );
        world.run("drop table t").await;
    }
}

#[tokio::test]
async fn a_file_of_lzop_may_have_several_members() {
    let world = World::new().await;
    world
        .run("create table t (id int, name varchar(10), filler varchar(20), number int)")
        .await;
    let (one, other) = (
        include_bytes!("../fixtures/rows.lzo"),
        include_bytes!("../fixtures/rows-best.lzo"),
    );
    world.put("one", one);
    let copied = world.copy("t", "one", "lzop").await;
    assert_eq!(copied["ResultRows"], 600, "{}", copied["Error"]);
    world.put("both", [&one[..], &other[..], &one[..]].concat());
    let copied = world.copy("t", "both", "lzop").await;
    assert_eq!(copied["ResultRows"], 1800, "{}", copied["Error"]);
    assert_eq!(
        world.rows("select count(*), sum(id), max(number) from t").await,
        ["2400|718800|1008"]
    );
}

/// Nothing of it stays, for what was read may be no more than its beginning.
#[tokio::test]
async fn a_file_that_is_cut_or_not_compressed_fails_the_load() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(30), c date)").await;
    let text = rows(2000);
    for (option, compress) in FORMATS {
        let mut cut = [compress(&text), compress(&text)].concat();
        cut.truncate(cut.len() - 9);
        for file in [cut, text.clone()] {
            world.put("k", file);
            let copied = world.copy("t", "k", &format!("{option} ignoreallerrors")).await;
            assert_eq!(copied["Status"], "FAILED", "{option}");
            let error = copied["Error"].as_str().unwrap();
            assert!(error.starts_with("ERROR: Problem reading s3://b/k"), "{error}");
        }
    }
    assert_eq!(world.rows("select count(*) from t").await, ["0"]);
}

//! Files that their sender encrypted: the key comes from Secrets Manager, goes into the COPY that is handed over, and is nowhere else.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{Block, BlockEncryptMut, KeyInit, KeyIvInit};
use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::{Feed, Story, World, unique};

const ROOT: [u8; 32] = *b"the root key of a partner, 32 B.";
const ENVELOPE: [u8; 32] = *b"the key of this one file, 32 B..";
const VECTOR: [u8; 16] = *b"sixteen bytes...";

/// A secret with a key in it.
async fn secret(world: &World, text: &str) -> anyhow::Result<String> {
    let name = format!("partner-{}", unique());
    world.create_secret(&name, text).await?;
    Ok(name)
}

fn root_key() -> String {
    BASE64_STANDARD.encode(ROOT)
}

/// As the Amazon S3 encryption client and UNLOAD do it.
fn encrypt(plain: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(&ENVELOPE.into(), &VECTOR.into()).encrypt_padded_vec_mut::<Pkcs7>(plain)
}

fn envelope() -> String {
    let mut key = [&ENVELOPE[..], &[16; 16]].concat();
    let mut cipher = Aes256::new(&ROOT.into());
    for block in key.chunks_exact_mut(16) {
        cipher.encrypt_block_mut(Block::<Aes256>::from_mut_slice(block));
    }
    BASE64_STANDARD.encode(key)
}

/// Lands a file with its envelope beside it.
async fn land(world: &World, feed: &Feed<'_>, plain: &[u8]) -> anyhow::Result<Story> {
    let key = world.input_key(&feed.file_name());
    put(world, &key, plain).await?;
    world.story(&key).await
}

async fn put(world: &World, key: &str, plain: &[u8]) -> anyhow::Result<()> {
    world
        .objects
        .put_object()
        .bucket(&world.ready().bucket)
        .key(key)
        .metadata("x-amz-key", envelope())
        .metadata("x-amz-iv", BASE64_STANDARD.encode(VECTOR))
        .metadata("x-amz-matdesc", "{}")
        .body(encrypt(plain).into())
        .send()
        .await
        .context("put")?;
    Ok(())
}

/// Everything that the control database holds, and all that the functions printed.
async fn said(world: &World) -> anyhow::Result<Vec<String>> {
    let tables = "SELECT to_jsonb(table_name::text) FROM information_schema.tables
        WHERE table_schema = 'rdscnfg' AND table_type = 'BASE TABLE'";
    let mut texts = Vec::new();
    for table in world.control_rows(tables).await? {
        let table = table.as_str().context("a name")?;
        let rows = world
            .control_rows(&format!("SELECT to_jsonb(held) FROM rdscnfg.{table} AS held"))
            .await?;
        texts.extend(rows.iter().map(|row| format!("{table}: {row}")));
    }
    for function in &world.ready().functions {
        texts.push(world.stack.local.function_log(function)?);
    }
    Ok(texts)
}

#[tokio::test]
async fn files_that_their_sender_encrypted_are_loaded_and_their_key_is_nowhere() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let in_a_field = json!({ "master_symmetric_key": root_key() }).to_string();
    for text in [in_a_field, root_key()] {
        let feed = world
            .feed()
            .set("encryption_secret", &secret(&world, &text).await?)
            .create()
            .await?;
        let story = land(&world, &feed, b"1|plum\n2|fig\n").await?;
        assert_eq!(story.state(), "complete", "{story}");
        assert_eq!(feed.lines("id").await?.len(), 2, "{story}");
        let archived = story.load.text("archived_key").context("it is in the archive")?;
        let bytes = world.get(archived).await?.context("there it is")?;
        assert_eq!(bytes, encrypt(b"1|plum\n2|fig\n"), "it stays encrypted");
    }
    for text in said(&world).await? {
        assert!(!text.contains(&root_key()), "the key is in {text:.200}");
    }
    Ok(())
}

#[tokio::test]
async fn encrypted_files_of_other_forms_are_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let secret = secret(&world, &root_key()).await?;
    let json = world
        .feed()
        .set("file_format", "json")
        .set("file_type", "json")
        .clear("delimiter")
        .set("encryption_secret", &secret)
        .create()
        .await?;
    let story = land(&world, &json, br#"{"id": 1, "name": "plum"}"#).await?;
    assert_eq!(
        (story.state(), json.lines("id").await?.len()),
        ("complete", 1),
        "{story}"
    );

    let gzip = world
        .feed()
        .set("file_type", "gz")
        .set("compression", "gzip")
        .set("header_flag", "Y")
        .set("header_policy", "ignore")
        .set("encryption_secret", &secret)
        .create()
        .await?;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, b"id|name\n1|plum\n2|fig\n")?;
    let story = land(&world, &gzip, &packed.finish()?).await?;
    assert_eq!(
        (story.state(), gzip.lines("id").await?.len()),
        ("complete", 2),
        "{story}"
    );
    Ok(())
}

#[tokio::test]
async fn encrypted_files_wait_in_batches_like_any() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("encryption_secret", &secret(&world, &root_key()).await?)
        .set("batch_files", "2")
        .set("file_name_column", "")
        .create()
        .await?;
    let keys = [0, 1].map(|_| world.input_key(&feed.file_name()));
    for key in &keys {
        put(&world, key, b"1|plum\n").await?;
    }
    for key in &keys {
        let story = world.story(key).await?;
        assert_eq!(story.state(), "complete", "{story}");
    }
    assert_eq!(feed.lines("id").await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn without_its_key_an_encrypted_file_fails_with_what_to_do() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let no_key = secret(&world, "c2VzYW1lIG9wZW4=").await?;
    let missing = format!("nobody-made-{}", unique());
    for (secret, problem) in [
        (no_key.as_str(), "is not a 256-bit key in base64"),
        (missing.as_str(), "there is no secret"),
    ] {
        let feed = world.feed().set("encryption_secret", secret).create().await?;
        let story = land(&world, &feed, b"1|plum\n").await?;
        assert_eq!(story.state(), "failed", "{story}");
        let error = story.error().to_owned();
        assert!(error.contains(problem) && error.contains(secret), "{error}");
        assert!(!error.contains("c2VzYW1l"), "{error}");
    }
    let other = BASE64_STANDARD.encode([1; 32]);
    let feed = world
        .feed()
        .set("encryption_secret", &secret(&world, &other).await?)
        .create()
        .await?;
    let story = land(&world, &feed, b"1|plum\n").await?;
    assert_eq!(story.state(), "failed", "{story}");
    assert!(!format!("{story}").contains(&other), "{story}");
    Ok(())
}

#[tokio::test]
async fn what_reads_a_file_cannot_stand_with_encryption() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world
        .feed()
        .set("encryption_secret", "partner")
        .trailer("5:13")
        .header("names")
        .set("copy_options", "ENCRYPTED MASTER_SYMMETRIC_KEY 'c2VzYW1l'")
        .create()
        .await?;
    let faults = ["trailer_flag", "header_policy"];
    let lint = world.longshore(&["--json", "rule", "lint", &feed.rule.to_string()])?;
    let said: Value = serde_json::from_slice(&lint.stdout)?;
    for fault in faults {
        assert!(said.to_string().contains(fault), "{said}");
    }
    assert!(said.to_string().contains("encryption_secret"), "{said}");
    assert!(!said.to_string().contains("c2VzYW1l"), "{said}");
    // And where the rule was never looked at.
    let story = feed.land("1|plum\n").await?;
    assert_eq!(story.state(), "rejected", "{story}");
    for fault in faults {
        assert!(format!("{story}").contains(fault), "{story}");
    }
    Ok(())
}

//! Files that are lists of files, as UNLOAD writes them and COPY reads them.
//!
//! Whoever may write a manifest must not have us read for him what he may not read himself: our roles see the archive, and the
//! files of others. So it lists what lies in its own folder and below, as UNLOAD writes it, and nothing else.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_domain::object::{Object, ObjectKey, parse_s3_url, s3_url};
use longshore_domain::reject::RejectReason;
use serde::Deserialize;

use super::{Pace, Progress, read_whole};
use crate::{App, AppError};

/// COPY takes larger ones; nobody writes them.
const MOST_BYTES: u64 = 8 << 20;
/// Files of one manifest: each is asked for, and stands on the ledger with its length.
const MOST_FILES: usize = 10_000;
/// Files that are asked for at once.
const HEADS_AT_ONCE: usize = 32;

#[derive(Deserialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    url: String,
}

/// What a manifest lists.
pub(crate) enum Listed {
    /// Files, each with its length.
    Files(Vec<Object>),
    /// Nothing that can be loaded, and why.
    Refused(RejectReason),
    /// There is no time left to ask for all of them.
    OutOfTime(Progress),
}

/// The files that a manifest lists. All of them must be there, whatever the manifest says: what is loaded without one of them is
/// not what was delivered.
pub(crate) async fn files_of(app: &App, pace: &Pace, manifest: &Object) -> Result<Listed, AppError> {
    let text = match read_whole(app, manifest, MOST_BYTES).await? {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(refused(format!("it has more than {MOST_BYTES} bytes"))),
        Err(gone) => return Ok(Listed::Refused(gone)),
    };
    let keys = match keys_in(manifest, &text) {
        Ok(keys) => keys,
        Err(problem) => return Ok(refused(problem)),
    };
    let mut heads = stream::iter(&keys)
        .map(|key| look(app, manifest, key))
        .buffered(HEADS_AT_ONCE);
    let mut files = Vec::with_capacity(keys.len());
    while let Some(file) = heads.try_next().await? {
        match file {
            Ok(file) => files.push(file),
            Err(problem) => return Ok(refused(problem)),
        }
        if pace.is_over(app.clock.now()) && files.len() < keys.len() {
            return Ok(Listed::OutOfTime(pace.progress(
                app.clock.now(),
                share(manifest.size_bytes, files.len(), keys.len()),
                manifest.size_bytes,
            )));
        }
    }
    Ok(Listed::Files(files))
}

async fn look(app: &App, manifest: &Object, key: &ObjectKey) -> Result<Result<Object, String>, AppError> {
    let Some(head) = app.objects.head(&manifest.bucket, key).await? else {
        let url = s3_url(&manifest.bucket, key);
        return Ok(Err(format!("{url}, which it lists, does not exist")));
    };
    Ok(Ok(Object {
        bucket: manifest.bucket.clone(),
        key: key.clone(),
        version: head.version,
        etag: head.etag,
        size_bytes: head.size_bytes,
        sequencer: None,
    }))
}

/// The keys that a manifest lists, all of its own bucket, or what is wrong with it.
fn keys_in(manifest: &Object, text: &[u8]) -> Result<Vec<ObjectKey>, String> {
    let read: Manifest = serde_json::from_slice(text)
        .map_err(|error| format!("it does not read as {{\"entries\": [{{\"url\": …}}]}}: {error}"))?;
    match read.entries.len() {
        0 => return Err("it lists no file".to_owned()),
        1..=MOST_FILES => {}
        more => {
            return Err(format!(
                "it lists {more} files; more than {MOST_FILES} are not taken, so write larger ones"
            ));
        }
    }
    let mut seen = HashSet::with_capacity(read.entries.len());
    let mut keys = Vec::with_capacity(read.entries.len());
    for Entry { url } in read.entries {
        let Some((bucket, key)) = parse_s3_url(&url).filter(|(_, key)| key.is_storable()) else {
            return Err(format!("{url:?} is no s3://bucket/key"));
        };
        if bucket != manifest.bucket || !lies_beside(manifest, &key) {
            let own = ObjectKey::new(format!("{}/", manifest.key.folder()));
            return Err(format!(
                "{url:?}, which it lists, does not lie in its own folder, {}",
                s3_url(&manifest.bucket, &own)
            ));
        }
        if !seen.insert(key.clone()) {
            return Err(format!("it lists {url} twice, which would load it twice"));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Whether a key lies in the folder of the manifest or below it. What lies at the root of a bucket has nothing below it, since that
/// would be everything.
fn lies_beside(manifest: &Object, key: &ObjectKey) -> bool {
    let folder = manifest.key.folder();
    key.folder() == folder || key.is_in_folder(folder)
}

fn share(of: u64, done: usize, all: usize) -> u64 {
    let (done, all) = (done as u64, all as u64);
    of.saturating_mul(done).checked_div(all).unwrap_or_default()
}

fn refused(problem: String) -> Listed {
    Listed::Refused(RejectReason::Content {
        fault: "manifest_unreadable".to_owned(),
        message: format!("the manifest cannot be followed: {problem}"),
        line: None,
        byte: None,
    })
}

#[cfg(test)]
mod tests {
    use longshore_domain::object::Bucket;

    use super::*;

    fn manifest(key: &str) -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new(key),
            version: None,
            etag: None,
            size_bytes: 1,
            sequencer: None,
        }
    }

    fn keys(of: &str, urls: &[&str]) -> Result<Vec<String>, String> {
        let entries: Vec<_> = urls.iter().map(|url| serde_json::json!({ "url": url })).collect();
        let text = serde_json::json!({ "entries": entries }).to_string();
        let keys = keys_in(&manifest(of), text.as_bytes())?;
        Ok(keys.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_manifest_lists_what_lies_in_its_own_folder_and_below() {
        let urls = ["s3://landing/a/b/part-0", "s3://landing/a/b/parts/c/part-1"];
        assert_eq!(
            keys("a/b/x.manifest", &urls).unwrap(),
            ["a/b/part-0", "a/b/parts/c/part-1"]
        );
        assert_eq!(keys("x.manifest", &["s3://landing/part-0"]).unwrap(), ["part-0"]);
    }

    #[test]
    fn a_manifest_reads_no_files_of_others() {
        for url in [
            "s3://another/a/b/part-0",
            "s3://landing/archive/700/secret.txt",
            "s3://landing/a/part-0",
            "s3://landing/a/bb/part-0",
            "s3://landing/a/b",
        ] {
            let problem = keys("a/b/x.manifest", &["s3://landing/a/b/part-0", url]).unwrap_err();
            let expected =
                format!("{url:?}, which it lists, does not lie in its own folder, s3://landing/a/b/");
            assert_eq!(problem, expected);
        }
        let problem = keys("x.manifest", &["s3://landing/archive/secret.txt"]).unwrap_err();
        assert!(problem.contains("does not lie in its own folder"), "{problem}");
    }

    #[test]
    fn a_manifest_lists_each_file_once_and_not_too_many() {
        let problem = keys(
            "a/x",
            &["s3://landing/a/0", "s3://landing/a/1", "s3://landing/a/0"],
        )
        .unwrap_err();
        assert!(problem.contains("twice"), "{problem}");
        let many: Vec<_> = (0..=MOST_FILES)
            .map(|number| format!("s3://landing/a/{number}"))
            .collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let problem = keys("a/x", &many).unwrap_err();
        assert!(problem.contains("it lists 10001 files"), "{problem}");
        assert_eq!(keys("a/x", &many[1..]).unwrap().len(), MOST_FILES);
        assert!(keys("a/x", &["s3://landing/a/\0"]).is_err());
        assert!(keys("a/x", &[]).is_err());
    }
}

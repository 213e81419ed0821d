//! Where files go when they are done with, and what their prepared copies are called.

use chrono::NaiveDateTime;

use crate::load::LoadId;
use crate::object::ObjectKey;
use crate::rule::Compression;

/// Which part of the archive a file goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveShelf<'id> {
    /// Its rows are in the warehouse.
    Interface(&'id str),
    /// Someone must look at it.
    Error,
}

/// `<archive_folder>/<interface id>/<file name>_<time>`, or `<archive_folder>/error/<file name>_<time>`. `time` is the
/// local time of the deployment. Two files of one name within a second would get one key, and an archived file is never
/// overwritten: the caller then asks again with the next `collision`.
pub fn archive_key(
    archive_folder: &str,
    shelf: ArchiveShelf<'_>,
    file_name: &str,
    time: NaiveDateTime,
    collision: u32,
) -> ObjectKey {
    let shelf = match shelf {
        ArchiveShelf::Interface(id) => id,
        ArchiveShelf::Error => "error",
    };
    let stamp = time.format(STAMP);
    let folder = archive_folder.trim_matches('/');
    let suffix = match collision {
        0 => format!("_{stamp}"),
        _ => format!("_{stamp}_{collision}"),
    };
    let room = KEY_BYTES.saturating_sub(folder.len() + shelf.len() + suffix.len() + 2);
    ObjectKey::new(format!(
        "{folder}/{shelf}/{}{suffix}",
        last_bytes(file_name, room)
    ))
}

/// What a file was called before [`archive_key`] put the time behind its name; `None` when there is no time. Of a name that was too
/// long for its key it is the end.
pub fn name_before(file_name: &str) -> Option<&str> {
    let with_collision = file_name
        .rsplit_once('_')
        .filter(|(_, last)| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    let stamped = with_collision.map_or(file_name, |(stamped, _)| stamped);
    let (name, stamp) = stamped.rsplit_once('_')?;
    let is_time = stamp.len() == STAMP_CHARACTERS && NaiveDateTime::parse_from_str(stamp, STAMP).is_ok();
    (is_time && !name.is_empty()).then_some(name)
}

/// The time behind an archived file's name.
const STAMP: &str = "%Y-%m-%d-%H-%M-%S";
const STAMP_CHARACTERS: usize = "2026-11-21-07-05-09".len();

/// S3 takes keys of up to 1,024 bytes. A name that leaves no room for the time keeps its end, which tells files apart.
const KEY_BYTES: usize = 1024;

fn last_bytes(text: &str, room: usize) -> &str {
    let mut start = text.len().saturating_sub(room);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// The folder of everything that is prepared for one load: short and unique, since the warehouse's load views cut file
/// names at 256 characters, and the same for every try, so that a retry writes the same objects again.
pub fn work_folder(processing_folder: &str, load: LoadId) -> String {
    format!("{}/{load}", processing_folder.trim_matches('/'))
}

/// The key of a prepared copy. `part` tells record types or numbered parts apart.
pub fn prepared_key(
    processing_folder: &str,
    load: LoadId,
    part: &str,
    compression: Compression,
) -> ObjectKey {
    ObjectKey::new(format!(
        "{}/{part}{}",
        work_folder(processing_folder, load),
        compression.extension()
    ))
}

/// The key of the manifest that COPY reads.
pub fn manifest_key(processing_folder: &str, load: LoadId) -> ObjectKey {
    // Not below the data's own prefix: the manual forbids a manifest among the files that a prefix could name.
    ObjectKey::new(format!(
        "{}/manifests/{load}.manifest",
        processing_folder.trim_matches('/')
    ))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn a_file_goes_to_its_interface_or_to_error_and_never_onto_another() {
        let time = NaiveDate::from_ymd_opt(2026, 11, 21)
            .unwrap()
            .and_hms_opt(7, 5, 9)
            .unwrap();
        let key =
            |shelf, collision| archive_key("/archive/", shelf, "A_527.txt", time, collision).to_string();
        insta::assert_snapshot!(key(ArchiveShelf::Interface("527"), 0), @"archive/527/A_527.txt_2026-11-21-07-05-09");
        insta::assert_snapshot!(key(ArchiveShelf::Interface("527"), 2), @"archive/527/A_527.txt_2026-11-21-07-05-09_2");
        insta::assert_snapshot!(key(ArchiveShelf::Error, 0), @"archive/error/A_527.txt_2026-11-21-07-05-09");
    }

    #[test]
    fn an_archived_name_tells_what_the_file_was_called() {
        for (archived, before) in [
            ("A_527.txt_2026-11-21-07-05-09", Some("A_527.txt")),
            ("A_527.txt_2026-11-21-07-05-09_12", Some("A_527.txt")),
            (
                "a_2026-11-21-07-05-09_2026-11-22-07-05-09",
                Some("a_2026-11-21-07-05-09"),
            ),
            ("A_527.txt", None),
            ("A_527.txt_2026-13-21-07-05-09", None),
            ("A_527.txt_2026-11-21", None),
            ("A_2026-1-21-07-05-09", None),
            ("_2026-11-21-07-05-09", None),
            ("2026-11-21-07-05-09", None),
            ("", None),
        ] {
            assert_eq!(name_before(archived), before, "{archived}");
        }
    }

    #[test]
    fn a_name_that_fills_a_key_keeps_its_end() {
        let time = NaiveDate::from_ymd_opt(2026, 11, 21)
            .unwrap()
            .and_hms_opt(7, 5, 9)
            .unwrap();
        let name = "ü".repeat(500) + "_527.txt";
        let key = archive_key("archive", ArchiveShelf::Error, &name, time, 1000);
        assert!(key.as_str().len() <= 1024, "{} bytes", key.as_str().len());
        assert!(key.as_str().ends_with("ü_527.txt_2026-11-21-07-05-09_1000"));
    }

    #[test]
    fn prepared_copies_are_named_after_the_load_alone() {
        let load = LoadId::from_uuid(uuid::Uuid::from_u128(1));
        insta::assert_snapshot!(prepared_key("processing", load, "data", Compression::Gzip), @"processing/00000000-0000-0000-0000-000000000001/data.gz");
        insta::assert_snapshot!(manifest_key("processing", load), @"processing/manifests/00000000-0000-0000-0000-000000000001.manifest");
    }
}

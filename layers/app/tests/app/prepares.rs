//! Files that are prepared by hand: all of their parts appear, or none stays, whatever goes wrong.

use std::future::{pending, ready};
use std::num::NonZeroU32;
use std::sync::Arc;

use longshore_app::{
    AppError, Counting, FilePreparation, FileWish, PrepareFile, RangeLimits, UnpackLimit, Way, with_causes,
};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::rule::{ColumnRow, Compression, FileRule, RuleRow};
use rstest::rstest;

use crate::support::calls::{Aim, Calls, Fault};
use crate::support::files::{COPY_RANGE, FINISH, Files, MemoryStore, OpenUploads, Pace, Stored};

const TEXT: &str = "plum|11\nfigs|22\npear|33\nkiwi|44\nT|4\n";
const DELETE: &str = "delete work";

/// A bucket with one file in it, and a command that prepares it.
struct Desk {
    files: Files,
    calls: Arc<Calls>,
    pace: Arc<Pace>,
    uploads: Arc<OpenUploads>,
    wish: FileWish,
    limits: RangeLimits,
}

impl Desk {
    fn with(text: &str) -> Self {
        let files = Files::default();
        files.put("in/a_701.txt", Stored::new(text.to_owned()));
        Self {
            files,
            calls: Arc::default(),
            pace: Arc::default(),
            uploads: Arc::default(),
            wish: FileWish {
                bucket: Bucket::new("landing"),
                key: ObjectKey::new("in/a_701.txt"),
                rule: rule(|row| row.trailer_tag = Some("T|".to_owned())),
                parts: NonZeroU32::new(4).unwrap(),
                counting: Counting::Skip,
                compression: Compression::None,
                to_bucket: Bucket::new("landing"),
                to_prefix: "watched/".to_owned(),
            },
            limits: RangeLimits::default(),
        }
    }

    fn by_ranges(mut self) -> Self {
        self.limits = RangeLimits {
            least_source_bytes: 0,
            window_bytes: 8,
            ..self.limits
        };
        self
    }

    async fn prepare(&self) -> Result<FilePreparation, AppError> {
        self.prepare_until(pending()).await
    }

    async fn prepare_until(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<FilePreparation, AppError> {
        let objects = MemoryStore {
            calls: self.calls.clone(),
            files: self.files.clone(),
            pace: self.pace.clone(),
            uploads: self.uploads.clone(),
        };
        let prepare = PrepareFile {
            objects: &objects,
            limits: &self.limits,
            unpacking: UnpackLimit::default(),
        };
        Box::pin(prepare.run(&self.wish, stop)).await
    }

    /// The bytes of what is there of a preparation, one part after the other.
    fn parts(&self) -> Vec<u8> {
        let keys = self.files.keys_in("watched").into_iter();
        keys.flat_map(|key| self.files.get(&key).unwrap().bytes).collect()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(self.files.keys_in("watched"), [""; 0]);
        assert_eq!(self.uploads.left(), 0, "uploads that nobody completes");
    }

    /// Which calls of this name there are in a preparation that goes well.
    async fn numbers(self, name: &str) -> Vec<usize> {
        self.prepare().await.unwrap();
        let made = self.calls.made();
        (0..made.len()).filter(|number| made[*number] == name).collect()
    }
}

fn rule(change: impl FnOnce(&mut RuleRow)) -> FileRule {
    let column = |name: &str| ColumnRow {
        column_name: name.to_owned(),
        column_width_fixed: None,
    };
    let mut row = RuleRow {
        ext_file_config_sid: 1,
        file_prefix: "701.".to_owned(),
        file_format: "txt".to_owned(),
        file_type: "txt".to_owned(),
        delimiter: Some("|".to_owned()),
        header_flag: "N".to_owned(),
        trailer_flag: "Y".to_owned(),
        split_file_flag: "N".to_owned(),
        tgt_schema_name: Some("s".to_owned()),
        tgt_table_name: Some("t".to_owned()),
        columns: vec![column("item"), column("amount")],
        ..RuleRow::default()
    };
    change(&mut row);
    FileRule::from_row(&row).unwrap()
}

fn desk(way: Way, text: &str) -> Desk {
    match way {
        Way::ByRanges => Desk::with(text).by_ranges(),
        Way::InAStream => Desk::with(text),
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_copied_leaves_nothing_of_the_others() {
    let copies = Desk::with(TEXT).by_ranges().numbers(COPY_RANGE).await;
    assert_eq!(copies.len(), 4);
    for number in copies {
        let desk = Desk::with(TEXT).by_ranges();
        desk.calls.strike(Aim::Number(number), Fault::NotReached);
        desk.prepare().await.unwrap_err();
        desk.assert_nothing_is_left();
    }
}

#[rstest]
#[case(Way::ByRanges)]
#[case(Way::InAStream)]
#[tokio::test]
async fn a_part_that_cannot_appear_takes_the_others_back(#[case] way: Way) {
    let finishes = desk(way, TEXT).numbers(FINISH).await;
    assert!(finishes.len() > 1);
    for number in finishes {
        let desk = desk(way, TEXT);
        desk.calls.strike(Aim::Number(number), Fault::NotReached);
        let error = desk.prepare().await.unwrap_err();
        desk.assert_nothing_is_left();
        assert!(error.to_string().contains(" may be there"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_told() {
    let finishes = Desk::with(TEXT).numbers(FINISH).await;
    let desk = Desk::with(TEXT);
    let last = finishes.last().unwrap();
    desk.calls.strike(Aim::Number(*last), Fault::NotReached);
    desk.calls.strike(Aim::Next(DELETE), Fault::NotReached);
    let error = with_causes(&desk.prepare().await.unwrap_err());
    let words = "s3://landing/watched/a_701.txt.0001 could not be deleted and stays";
    assert!(error.contains(words), "{error}");
}

#[tokio::test]
async fn nothing_of_a_file_that_is_refused_is_ever_seen() {
    let desk = Desk::with(&TEXT.replace("T|4", "T|5"));
    let refused = desk.prepare().await.unwrap();
    assert!(matches!(refused, FilePreparation::Refused(_)), "{refused:?}");
    assert!(!desk.calls.made().contains(&FINISH));
    desk.assert_nothing_is_left();
}

#[rstest]
#[case(Way::ByRanges)]
#[case(Way::InAStream)]
#[tokio::test]
async fn a_preparation_that_is_stopped_leaves_nothing(#[case] way: Way) {
    let desk = desk(way, TEXT);
    let error = desk.prepare_until(ready(())).await.unwrap_err();
    assert!(matches!(error, AppError::Stopped), "{error}");
    desk.assert_nothing_is_left();
}

#[tokio::test]
async fn objects_appear_side_by_side() {
    const TYPES: usize = 60;
    let types: Vec<_> = (100..100 + TYPES).map(|number| number.to_string()).collect();
    let text: String = types.iter().map(|name| format!("{name}|1\n")).collect();
    let mut desk = Desk::with(&text);
    desk.wish.rule = rule(|row| {
        row.trailer_flag = "N".to_owned();
        row.split_file_flag = "Y".to_owned();
        row.split_prefix = Some(types.join(","));
    });
    desk.wish.parts = NonZeroU32::MIN;
    desk.pace.slow_down();
    desk.prepare().await.unwrap();
    assert_eq!(desk.files.keys_in("watched").len(), TYPES);
    assert_eq!(desk.pace.most_finishing(), 16);
}

#[rstest]
#[case(Way::ByRanges)]
#[case(Way::InAStream)]
#[tokio::test]
async fn the_parts_are_the_data(#[case] way: Way) {
    let desk = desk(way, TEXT);
    let FilePreparation::Done(prepared) = desk.prepare().await.unwrap() else {
        panic!("it was not prepared");
    };
    assert_eq!(prepared.way, way);
    assert_eq!(desk.parts(), TEXT.strip_suffix("T|4\n").unwrap().as_bytes());
    assert_eq!(desk.uploads.left(), 0);
}

#[rstest]
#[case(Counting::Skip)]
#[case(Counting::Verify)]
#[tokio::test]
async fn a_last_record_without_its_line_end_gets_one_whatever_the_way(#[case] counting: Counting) {
    for way in [Way::ByRanges, Way::InAStream] {
        let mut desk = desk(way, "plum|11\nfigs|22\npear|33\nkiwi|44");
        desk.wish.rule = rule(|row| row.trailer_flag = "N".to_owned());
        desk.wish.counting = counting;
        let FilePreparation::Done(prepared) = desk.prepare().await.unwrap() else {
            panic!("it was not prepared");
        };
        assert_eq!(prepared.way, Way::InAStream);
        assert_eq!(desk.parts(), b"plum|11\nfigs|22\npear|33\nkiwi|44\n");
    }
}

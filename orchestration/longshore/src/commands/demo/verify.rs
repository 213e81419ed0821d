//! What the demo promises, checked: its exit code is worth something.

use super::files::{SampleFile, TABLES};
use super::show::heading;
use super::watch::{Chapter, Story};

/// Everything that is not as it should be; nothing when all is well.
pub(super) fn differences(samples: &[SampleFile], story: &Story) -> Vec<String> {
    let mut differences: Vec<String> = samples
        .iter()
        .flat_map(|sample| of_sample(sample, story))
        .collect();
    differences.extend(
        story
            .chapters
            .iter()
            .flat_map(|chapter| of_records(chapter, story)),
    );
    differences.extend(of_tables(story));
    differences
}

fn of_sample(sample: &SampleFile, story: &Story) -> Vec<String> {
    let whole: Vec<_> = story
        .of_file(sample.name)
        .filter(|chapter| chapter.load.parent.is_none())
        .collect();
    let [chapter] = whole.as_slice() else {
        return vec![format!(
            "{} has {} loads instead of one",
            sample.name,
            whole.len()
        )];
    };
    let load = &chapter.load;
    let mut differences = Vec::new();
    let mut check = |what: &str, found: String, wanted: String| {
        if found != wanted {
            differences.push(format!("{}: {what} is {found}, not {wanted}", sample.name));
        }
    };
    check("its state", load.state.to_string(), sample.ends.to_string());
    check(
        "its rows",
        format!("{:?}", load.rows_loaded),
        format!("{:?}", sample.rows_loaded),
    );
    check(
        "its error",
        format!("{:?}", load.error_code.as_deref()),
        format!("{:?}", sample.error_code),
    );
    let mut parts: Vec<_> = story
        .of_file(sample.name)
        .filter_map(|chapter| Some((chapter.load.record_type.clone()?, chapter.load.rows_loaded?)))
        .collect();
    parts.sort();
    let wanted: Vec<_> = sample
        .parts
        .iter()
        .map(|(record_type, rows)| ((*record_type).to_owned(), *rows))
        .collect();
    check("its parts", format!("{parts:?}"), format!("{wanted:?}"));
    differences
}

/// One audit row for a load whose feed is known, and one message for every load.
fn of_records(chapter: &Chapter, story: &Story) -> Vec<String> {
    let load = &chapter.load;
    let audits = story
        .audit
        .iter()
        .filter(|record| record.load == Some(load.id))
        .count();
    let wanted = usize::from(load.interface.is_some());
    let messages = story
        .notices
        .iter()
        .filter(|notice| notice.load == Some(load.id))
        .count();
    let mut differences = Vec::new();
    if audits != wanted {
        differences.push(format!(
            "{} has {audits} audit rows, not {wanted}",
            heading(chapter)
        ));
    }
    if messages != 1 {
        differences.push(format!("{} has {messages} messages, not 1", heading(chapter)));
    }
    differences
}

fn of_tables(story: &Story) -> Vec<String> {
    TABLES
        .iter()
        .zip(&story.tables)
        .filter(|((_, wanted), (_, rows))| rows.len() as u64 != *wanted)
        .map(|((table, wanted), (_, rows))| format!("{table} has {} rows, not {wanted}", rows.len()))
        .collect()
}

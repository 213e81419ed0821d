//! Any bytes as the files whose readers jump about in them, and as a manifest.

use std::fs::File;
use std::io::{Seek, Write};

use longshore_local_warehouse_columnar::{AvroFile, ColumnarError, ColumnarFile, ColumnarFormat, Rows};

use super::source::files_of_manifest;

/// Reads bytes as an Avro, a Parquet and an ORC file, and as a manifest; an error is a promise that was broken.
///
/// The readers of files are other people's and run on threads of their own, where a panic is a failed statement. What is done with what they give
/// is not: a panic there is a crash.
pub(crate) fn check_any_file(bytes: &[u8]) -> Result<(), String> {
    for format in [ColumnarFormat::Parquet, ColumnarFormat::Orc] {
        for rows in on_a_thread(bytes, move |file| columnar_rows(file, format))? {
            write_values(&rows)?;
        }
    }
    for record in on_a_thread(bytes, avro_records)? {
        if serde_json::from_slice::<serde_json::Value>(&record).is_err() {
            return Err("an Avro record is no JSON".to_owned());
        }
    }
    match files_of_manifest("s3://b/manifest", bytes) {
        Ok(files) if files.is_empty() => Err("a manifest of no files is taken".to_owned()),
        Ok(_) => Ok(()),
        Err(refused) if refused.text.is_empty() => Err("a manifest is refused without a word".to_owned()),
        Err(_) => Ok(()),
    }
}

/// What was read before the end, a fault of the file, or a panic of its reader.
fn on_a_thread<T: Send + 'static>(
    bytes: &[u8],
    read: impl FnOnce(File) -> Vec<T> + Send + 'static,
) -> Result<Vec<T>, String> {
    let file = on_disk(bytes).map_err(|error| error.to_string())?;
    Ok(std::thread::spawn(move || read(file)).join().unwrap_or_default())
}

fn on_disk(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn columnar_rows(file: File, format: ColumnarFormat) -> Vec<Rows> {
    let Ok(mut file) = ColumnarFile::open(file, format) else {
        return Vec::new();
    };
    until_the_end(|| file.next_rows())
}

fn avro_records(file: File) -> Vec<Vec<u8>> {
    let Ok(mut file) = AvroFile::open(file) else {
        return Vec::new();
    };
    until_the_end(|| file.next_record())
}

fn until_the_end<T>(mut next: impl FnMut() -> Result<Option<T>, ColumnarError>) -> Vec<T> {
    let mut found = Vec::new();
    while let Ok(Some(item)) = next() {
        found.push(item);
    }
    found
}

/// A value that cannot be written is an error, and a null adds nothing.
fn write_values(rows: &Rows) -> Result<(), String> {
    let mut out = Vec::new();
    for row in 0..rows.len() {
        for column in 0..rows.column_count() {
            out.clear();
            let is_there = rows.write(column, row, &mut out);
            if is_there.is_ok_and(|is_there| !is_there) && !out.is_empty() {
                return Err(format!("the null in column {column} of row {row} has a text"));
            }
        }
    }
    Ok(())
}

//! The same rows in every form that is measured.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::Failure;

/// The table that takes them.
pub(crate) const COLUMNS: &str = "id bigint, store integer, sku varchar(20), title varchar(60), price decimal(12, 2), \
                                  sold date, at timestamp, open boolean";
const BATCH: i64 = 20_000;
/// 2015-10-15.
const FIRST_DAY: i32 = 16_723;

/// Writes `one.txt`, `part0` to `part3`, `gz0` to `gz3` and `rows.parquet`; answers how many rows there are.
pub(crate) fn write(folder: &Path, megabytes: usize) -> Result<i64, Failure> {
    let mut one = BufWriter::new(File::create(folder.join("one.txt"))?);
    let mut parts = Vec::new();
    for number in 0..4 {
        let part = BufWriter::new(File::create(folder.join(format!("part{number}")))?);
        let packed = File::create(folder.join(format!("gz{number}")))?;
        parts.push((
            part,
            flate2::write::GzEncoder::new(packed, flate2::Compression::fast()),
        ));
    }
    let mut parquet = parquet_writer(&folder.join("rows.parquet"))?;
    let (mut id, mut bytes) = (0, 0);
    while bytes < megabytes * 1_000_000 {
        let text = batch_text(id);
        bytes += text.len();
        one.write_all(&text)?;
        let (part, packed) = &mut parts[usize::try_from(id / BATCH % 4)?];
        part.write_all(&text)?;
        packed.write_all(&text)?;
        parquet.write(&batch(id)?)?;
        id += BATCH;
    }
    one.flush()?;
    for (mut part, packed) in parts {
        part.flush()?;
        packed.finish()?;
    }
    parquet.close()?;
    Ok(id)
}

fn parquet_writer(path: &Path) -> Result<ArrowWriter<File>, Failure> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let writer = ArrowWriter::try_new(File::create(path)?, batch(0)?.schema(), Some(properties))?;
    Ok(writer)
}

fn price_cents(id: i64) -> i64 {
    id * 7919 % 10_000_000
}

fn day(id: i64) -> i32 {
    FIRST_DAY + i32::try_from(id % 3000).unwrap_or_default()
}

fn second(id: i64) -> i64 {
    id * 13 % 86_400
}

fn sku(id: i64) -> String {
    format!("SKU{:08}", id * 31 % 100_000_000)
}

fn title(id: i64) -> String {
    format!("a thing of kind {} for store {}", id % 977, id % 5000)
}

fn batch_text(first: i64) -> Vec<u8> {
    let mut text = Vec::new();
    for id in first..first + BATCH {
        let date =
            chrono::DateTime::from_timestamp(i64::from(day(id)) * 86_400 + second(id), 0).unwrap_or_default();
        let (cents, open) = (price_cents(id), id % 3 == 0);
        let line = format!(
            "{id}|{}|{}|{}|{}.{:02}|{}|{}|{}\n",
            id % 5000,
            sku(id),
            title(id),
            cents / 100,
            cents % 100,
            date.format("%Y-%m-%d"),
            date.format("%Y-%m-%d %H:%M:%S"),
            if open { 't' } else { 'f' }
        );
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn batch(first: i64) -> Result<RecordBatch, Failure> {
    let ids = || first..first + BATCH;
    let moment = |id: i64| (i64::from(day(id)) * 86_400 + second(id)) * 1_000_000;
    let prices = Decimal128Array::from_iter_values(ids().map(|id| i128::from(price_cents(id))));
    let columns: [(&str, ArrayRef); 8] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        (
            "store",
            Arc::new(Int32Array::from_iter_values(
                ids().map(|id| i32::try_from(id % 5000).unwrap_or_default()),
            )),
        ),
        ("sku", Arc::new(StringArray::from_iter_values(ids().map(sku)))),
        ("title", Arc::new(StringArray::from_iter_values(ids().map(title)))),
        ("price", Arc::new(prices.with_precision_and_scale(12, 2)?)),
        ("sold", Arc::new(Date32Array::from_iter_values(ids().map(day)))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(ids().map(moment))),
        ),
        (
            "open",
            Arc::new(BooleanArray::from_iter(ids().map(|id| Some(id % 3 == 0)))),
        ),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

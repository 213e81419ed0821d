//! Which reader cuts the records of a COPY into fields, and where its records end.

use super::column::{ColumnType, Target};
use super::delimited::{Csv, Delimited, FixedWidth};
use super::delimiter::Delimiter;
use super::fields::FieldReader;
use super::frame::Framing;
use super::json::{JsonByKey, JsonByPath, JsonColumn, JsonWhole};
use super::source::read_whole;
use super::statement::{CopyStatement, Format, JsonFields};
use crate::ObjectReader;
use crate::engine::StatementError;

/// The reader of a format; None for columnar files, which have no records.
pub(super) async fn field_reader(
    objects: &dyn ObjectReader,
    copy: &CopyStatement,
    target: &Target,
) -> Result<Option<Box<dyn FieldReader>>, StatementError> {
    Ok(Some(match &copy.format {
        Format::Delimited {
            delimiter,
            escape,
            remove_quotes,
        } => Box::new(Delimited {
            delimiter: Delimiter::new(delimiter),
            escape: *escape,
            remove_quotes: *remove_quotes,
        }),
        Format::Csv { delimiter, quote } => Box::new(Csv {
            delimiter: Delimiter::new(delimiter),
            quote: *quote,
        }),
        Format::FixedWidth(columns) => fixed_width(columns, target)?,
        Format::Json(fields) | Format::Avro(fields) => json_reader(objects, fields, target).await?,
        Format::Parquet | Format::Orc => return Ok(None),
    }))
}

/// Labels mean nothing, but there must be one for each column.
fn fixed_width(columns: &[(String, usize)], target: &Target) -> Result<Box<dyn FieldReader>, StatementError> {
    let (widths, expected) = (columns.len(), target.columns.len());
    if widths != expected {
        return Err(StatementError::new(format!(
            "The FIXEDWIDTH specification has {widths} columns, and the table or column list has {expected}"
        )));
    }
    Ok(Box::new(FixedWidth {
        widths: columns.iter().map(|(_, width)| *width).collect(),
    }))
}

async fn json_reader(
    objects: &dyn ObjectReader,
    fields: &JsonFields,
    target: &Target,
) -> Result<Box<dyn FieldReader>, StatementError> {
    let column = |column: &super::column::Column| JsonColumn {
        name: column.name.clone(),
        is_super: column.kind == ColumnType::Super,
    };
    let columns: Vec<JsonColumn> = target.columns.iter().map(column).collect();
    match fields {
        JsonFields::Auto | JsonFields::AutoIgnoreCase => Ok(Box::new(JsonByKey {
            columns,
            ignores_case: *fields == JsonFields::AutoIgnoreCase,
        })),
        JsonFields::NoShred if columns.len() == 1 && columns[0].is_super => Ok(Box::new(JsonWhole)),
        JsonFields::NoShred => Err(StatementError::new(
            "JSON 'noshred' loads into exactly one column of type SUPER",
        )),
        JsonFields::Paths(url) => json_by_path(objects, url, columns).await,
    }
}

async fn json_by_path(
    objects: &dyn ObjectReader,
    url: &str,
    columns: Vec<JsonColumn>,
) -> Result<Box<dyn FieldReader>, StatementError> {
    let file = read_whole(objects, url, "JSONPaths").await?;
    let expected = columns.len();
    let reader = JsonByPath::parse(&file, columns.clone())
        .map_err(|reason| StatementError::new(format!("Invalid JSONPaths file {url}: {reason}")))?;
    let Some(reader) = reader else {
        return Ok(Box::new(JsonByKey {
            columns,
            ignores_case: false,
        }));
    };
    if reader.len() != expected {
        let message = format!(
            "Number of jsonpaths and the number of columns should match. JSONPath size: {}, Number of columns in table or column list: {expected}",
            reader.len()
        );
        return Err(StatementError::new(message));
    }
    Ok(Box::new(reader))
}

/// Where the records of a text format end.
pub(super) fn framing(format: &Format) -> Framing<'_> {
    match format {
        Format::Delimited {
            delimiter,
            escape,
            remove_quotes,
        } if *escape || *remove_quotes => Framing::Marked {
            escape: *escape,
            quotes: *remove_quotes,
            delimiter,
        },
        Format::Csv { delimiter, quote } => Framing::Csv {
            delimiter,
            quote: *quote,
        },
        Format::Json(_) | Format::Avro(_) => Framing::Json,
        Format::Delimited { .. } | Format::FixedWidth(_) | Format::Parquet | Format::Orc => Framing::Lines,
    }
}

/// How the system views name a format.
pub(super) fn format_name(format: &Format) -> &'static str {
    match format {
        Format::Delimited { .. } | Format::FixedWidth(_) => "txt",
        Format::Csv { .. } => "csv",
        Format::Json(_) => "json",
        Format::Avro(_) => "avro",
        Format::Parquet => "parquet",
        Format::Orc => "orc",
    }
}

//! How a table stands in the warehouse.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use longshore_copy::snapshot as sql;
use longshore_domain::snapshot::{ColumnType, DataDate, Description, Fit, TableColumn, fit as fit_of};
use longshore_domain::target::{TableName, Warehouse};
use longshore_domain::time_zone::TimeZone;

use super::SnapshotInput;
use crate::operate::Judged;
use crate::{App, AppError};

/// How long a look at the catalogue or at the newest rows may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(300);

/// Whether a column is the distribution key, and its place in the sort key, where the warehouse says.
type Keys = (Option<bool>, Option<u32>);

type Rows = Vec<Vec<Option<String>>>;

async fn ask(app: &App, warehouse: &Warehouse, sql: &str) -> Result<Rows, AppError> {
    Ok(app.warehouse.run(warehouse, sql, LOOK_PATIENCE).await?)
}

fn engine<E: std::error::Error + Send + Sync + 'static>(error: E) -> AppError {
    AppError::Engine(error.into())
}

/// The table's columns in order; `None` where there is no such table.
pub(super) async fn columns(
    app: &App,
    warehouse: &Warehouse,
    table: &TableName,
) -> Result<Option<Vec<TableColumn>>, AppError> {
    let rows = ask(app, warehouse, &sql::columns_query(table).map_err(engine)?).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let primary = ask(app, warehouse, &sql::primary_key_query(table).map_err(engine)?).await?;
    let keys = ask(app, warehouse, &sql::keys_query(table).map_err(engine)?).await?;
    let keys: HashMap<String, Keys> = keys.into_iter().filter_map(key).collect();
    let column = |row: Vec<Option<String>>| {
        let [name, kind, length, digits, scale, nullable, default] =
            <[Option<String>; 7]>::try_from(row).ok()?;
        let name = name?;
        let (dist_key, sort_order) = keys.get(&name).copied().unwrap_or_default();
        Some(TableColumn {
            kind: spelt(&kind?, length.as_deref(), digits.as_deref(), scale.as_deref()),
            default,
            not_null: nullable.as_deref() == Some("NO"),
            primary_key: primary
                .iter()
                .any(|row| row.first().and_then(Option::as_ref) == Some(&name)),
            dist_key,
            sort_order,
            name,
        })
    };
    let columns = rows.into_iter().map(column).collect::<Option<Vec<_>>>();
    let columns =
        columns.ok_or_else(|| engine(std::io::Error::other("the catalogue's answer has other columns")))?;
    Ok(Some(columns))
}

fn key(row: Vec<Option<String>>) -> Option<(String, Keys)> {
    let [name, dist, sort] = <[Option<String>; 3]>::try_from(row).ok()?;
    let dist = dist.map(|dist| matches!(dist.as_str(), "t" | "true"));
    // An interleaved key counts with turning signs; its places are the same.
    let sort = sort.and_then(|sort| sort.trim_start_matches('-').parse().ok());
    Some((name?, (dist, sort)))
}

fn spelt(kind: &str, length: Option<&str>, digits: Option<&str>, scale: Option<&str>) -> String {
    match kind {
        "character varying" | "character" => format!("{kind}({})", length.unwrap_or("0")),
        "numeric" => format!("{kind}({},{})", digits.unwrap_or("0"), scale.unwrap_or("0")),
        _ => kind.to_owned(),
    }
}

/// What makes the table fit, or every difference that cannot be made to.
pub(super) fn fit(
    description: &Description,
    columns: Option<&[TableColumn]>,
) -> Result<Judged<Vec<String>>, AppError> {
    Ok(match fit_of(description, columns) {
        Fit::Create => Ok(vec![sql::create_table(description).map_err(engine)?]),
        Fit::Add(columns) => Ok(sql::add_columns(&description.table, &columns).map_err(engine)?),
        Fit::Differs(differences) => Err(format!(
            "{} is not as it is described, and this cannot be changed by itself:\n  {}",
            description.table,
            differences.join("\n  ")
        )),
    })
}

/// The newest date of the table by its own clocks: looked for in windows that grow, from the snapshot's date backwards, so that
/// a large table is nearly never read whole.
pub(super) async fn newest(
    app: &App,
    input: &SnapshotInput,
    description: &Description,
    date: DataDate,
) -> Result<Option<NaiveDateTime>, AppError> {
    let kind = description
        .date()
        .map_or(ColumnType::Timestamp, |column| column.kind);
    let from = input.granularity.span(date, input.zone);
    let windows = sql::WINDOW_DAYS.iter().map(|days| {
        let mut window = from;
        window.from -= TimeDelta::days((*days).into());
        Some(window.bounds(kind, input.zone).0)
    });
    for since in windows.chain([None]) {
        let query = sql::newest_query(&input.table, &description.date_column, since.as_deref());
        let rows = ask(app, &input.warehouse, &query.map_err(engine)?).await?;
        let found = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next())
            .flatten();
        if let Some(found) = found {
            let read = read_time(&found, input.zone);
            return read.map(Some).ok_or_else(|| {
                engine(std::io::Error::other(format!(
                    "the newest date {found:?} does not read"
                )))
            });
        }
    }
    Ok(None)
}

/// A time as the warehouse writes it: a date, a time without a zone, which is the table's own, or one with its offset.
fn read_time(text: &str, zone: TimeZone) -> Option<NaiveDateTime> {
    let text = text.trim();
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(moment) = DateTime::parse_from_str(text, format) {
            return Some(moment.with_timezone(&zone).naive_local());
        }
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time);
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_time(NaiveTime::MIN))
}

/// Whether the table of latencies is there.
pub(super) async fn has_latencies(app: &App, warehouse: &Warehouse) -> Result<bool, AppError> {
    Ok(!ask(app, warehouse, &sql::latencies_query()).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_however_the_warehouse_writes_it() {
        let zone: TimeZone = "America/New_York".parse().unwrap();
        let read = |text: &str| read_time(text, zone).map(|time| time.to_string());
        assert_eq!(read("2026-11-26").as_deref(), Some("2026-11-26 00:00:00"));
        assert_eq!(
            read("2026-11-26 07:30:00").as_deref(),
            Some("2026-11-26 07:30:00")
        );
        assert_eq!(
            read("2026-11-26 07:30:00.25").as_deref(),
            Some("2026-11-26 07:30:00.250")
        );
        assert_eq!(
            read("2026-11-26 03:30:00+00").as_deref(),
            Some("2026-11-25 22:30:00")
        );
        assert_eq!(read("later"), None);
    }
}

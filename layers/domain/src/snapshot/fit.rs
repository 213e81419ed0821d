//! What is to be done about a table so that it is as it is described.
//!
//! A table that is missing is made, and columns that are described after those it has are added. Nothing else is changed by
//! itself: whatever differs is named, all of it at once, for somebody to decide.

use super::{ColumnType, DescribedColumn, Description};

/// A column as the warehouse's catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type as the catalogue spells it, with its length or digits.
    pub kind: String,
    /// Its default as the catalogue spells it.
    pub default: Option<String>,
    /// Whether it takes no NULL.
    pub not_null: bool,
    /// Whether it is of the primary key.
    pub primary_key: bool,
    /// Whether rows are spread by it; `None` where the warehouse does not say.
    pub dist_key: Option<bool>,
    /// Its place among the sort keys, 0 for none; `None` where the warehouse does not say.
    pub sort_order: Option<u32>,
}

/// What is to be done about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is missing.
    Create,
    /// These columns are new, at its end; none, where it is as it should be.
    Add(Vec<DescribedColumn>),
    /// It differs in what cannot be changed by itself: every difference in a sentence.
    Differs(Vec<String>),
}

/// Compares a table with its description. `None`: there is no such table.
pub fn fit(description: &Description, table: Option<&[TableColumn]>) -> Fit {
    let Some(columns) = table else { return Fit::Create };
    let mut differences = vec![];
    for (index, column) in columns.iter().enumerate() {
        match description.columns.get(index) {
            None => differences.push(format!(
                "column {} {:?} is in the table and not described",
                index + 1,
                column.name
            )),
            Some(described) if !described.name.eq_ignore_ascii_case(&column.name) => {
                differences.push(format!(
                    "column {} is {:?} in the table and {:?} as described; the order counts",
                    index + 1,
                    column.name,
                    described.name
                ))
            }
            Some(described) => differences.extend(between(column, described)),
        }
    }
    let new: Vec<DescribedColumn> = description.columns.iter().skip(columns.len()).cloned().collect();
    differences.extend(new.iter().flat_map(not_to_be_added));
    match differences.is_empty() {
        true => Fit::Add(new),
        false => Fit::Differs(differences),
    }
}

fn between(column: &TableColumn, described: &DescribedColumn) -> Vec<String> {
    let mut found = vec![];
    let mut differs = |what: &str, has: String, should: String| {
        if has != should {
            found.push(format!(
                "column {:?}: {what} is {has} in the table and {should} as described",
                column.name
            ));
        }
    };
    if !parse_catalogue(&column.kind).is_some_and(|kind| kind.is_like(described.kind)) {
        differs("type", column.kind.clone(), described.kind.to_string());
    }
    differs(
        "not null",
        column.not_null.to_string(),
        is_not_null(described).to_string(),
    );
    differs(
        "default",
        plain(column.default.as_deref()),
        plain(described.default.as_deref()),
    );
    differs(
        "primary key",
        column.primary_key.to_string(),
        described.primary_key.to_string(),
    );
    if let Some(dist_key) = column.dist_key {
        differs(
            "distribution key",
            dist_key.to_string(),
            described.dist_key.to_string(),
        );
    }
    if let Some(order) = column.sort_order {
        differs(
            "place in the sort key",
            order.to_string(),
            described.sort_order.unwrap_or_default().to_string(),
        );
    }
    found
}

/// A column of the primary key takes no NULL, whether that is said or not.
fn is_not_null(described: &DescribedColumn) -> bool {
    described.not_null || described.primary_key
}

/// What ALTER TABLE ADD COLUMN cannot do.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html>
fn not_to_be_added(column: &DescribedColumn) -> Vec<String> {
    let never = [
        (column.primary_key, "part of the primary key"),
        (column.dist_key, "the distribution key"),
        (column.sort_order.is_some(), "a sort key"),
    ];
    let never = never.into_iter().filter(|(is_set, _)| *is_set);
    let mut found: Vec<String> = never
        .map(|(_, what)| {
            format!(
                "column {:?} is new and described as {what}, which a column that is added cannot be",
                column.name
            )
        })
        .collect();
    if column.not_null && column.default.is_none() {
        found.push(format!(
            "column {:?} is new and takes no NULL, so that the rows that are there need a default; describe its defaultval",
            column.name
        ));
    }
    found
}

/// A type as the catalogue spells it.
fn parse_catalogue(kind: &str) -> Option<ColumnType> {
    let kind = kind.trim().to_ascii_lowercase();
    let (name, numbers) = match kind.split_once('(') {
        Some((name, rest)) => (name.trim_end().to_owned(), rest.trim_end_matches(')').to_owned()),
        None => (kind.clone(), String::new()),
    };
    let mut numbers = numbers.split(',').map(|number| number.trim().parse::<u32>().ok());
    Some(match name.as_str() {
        "boolean" => ColumnType::Boolean,
        "double precision" => ColumnType::Float,
        "integer" => ColumnType::Int,
        "bigint" => ColumnType::Bigint,
        "date" => ColumnType::Date,
        "timestamp without time zone" => ColumnType::Timestamp,
        "timestamp with time zone" => ColumnType::TimestampTz,
        "super" => ColumnType::Super,
        "character varying" => ColumnType::Varchar(numbers.next().flatten().unwrap_or_default()),
        "numeric" => ColumnType::Decimal(numbers.next()??, numbers.next()??),
        _ => return None,
    })
}

/// A default without what the catalogue adds to it: casts, brackets, blanks, case of names.
fn plain(default: Option<&str>) -> String {
    let Some(default) = default else {
        return "none".to_owned();
    };
    let mut text = default.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        text = inner.trim();
    }
    match text.strip_prefix('\'') {
        // The first quote that is not doubled ends a text; what follows is its cast. A number may be kept as a text.
        Some(rest) => {
            let inner = rest.split_once('\'').map_or(rest, |(inner, _)| inner);
            match inner.parse::<f64>() {
                Ok(_) => inner.to_owned(),
                Err(_) => format!("'{inner}'"),
            }
        }
        None => text
            .split("::")
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::target::TableName;

    fn description() -> Description {
        let text = "{dest: t, meta: {schema: s, datadatecolumn: at}, columns: [{dest: at, type: timestamp, sortord: 1}, \
                    {dest: id, type: text, primarykey: true, distkey: true}, {dest: n, type: int, defaultval: 7}]}";
        Description::read(text, &TableName::new("s", "t")).unwrap()
    }

    fn column(name: &str, kind: &str) -> TableColumn {
        TableColumn {
            name: name.to_owned(),
            kind: kind.to_owned(),
            default: None,
            not_null: false,
            primary_key: false,
            dist_key: Some(false),
            sort_order: Some(0),
        }
    }

    fn table() -> Vec<TableColumn> {
        vec![
            TableColumn {
                sort_order: Some(1),
                ..column("at", "timestamp without time zone")
            },
            TableColumn {
                not_null: true,
                primary_key: true,
                dist_key: Some(true),
                ..column("id", "character varying(40)")
            },
            TableColumn {
                default: Some("7".to_owned()),
                ..column("n", "integer")
            },
        ]
    }

    fn differences(table: &[TableColumn]) -> Vec<String> {
        match fit(&description(), Some(table)) {
            Fit::Differs(differences) => differences,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_table_that_is_missing_is_made_and_one_that_fits_stays() {
        assert_eq!(fit(&description(), None), Fit::Create);
        assert_eq!(fit(&description(), Some(&table())), Fit::Add(vec![]));
    }

    #[test]
    fn what_the_warehouse_does_not_say_is_not_compared() {
        let mut silent = table();
        for column in &mut silent {
            (column.dist_key, column.sort_order) = (None, None);
        }
        assert_eq!(fit(&description(), Some(&silent)), Fit::Add(vec![]));
    }

    #[test]
    fn columns_at_the_end_are_added() {
        let Fit::Add(new) = fit(&description(), Some(&table()[..2])) else {
            panic!()
        };
        assert_eq!(new, description().columns[2..]);
    }

    #[test]
    fn a_key_and_what_takes_no_null_cannot_be_added() {
        let found = differences(&table()[..1]);
        assert_eq!(found.len(), 2, "{found:?}");
        let mut strict = description();
        strict.columns[2].not_null = true;
        strict.columns[2].default = None;
        let Fit::Differs(found) = fit(&strict, Some(&table()[..2])) else {
            panic!()
        };
        assert!(found[0].contains("describe its defaultval"), "{found:?}");
    }

    #[test]
    fn every_difference_is_named() {
        let mut other = table();
        other[0].kind = "date".to_owned();
        other[0].sort_order = Some(2);
        other[1].primary_key = false;
        other[2].not_null = true;
        other[2].default = Some("'8'::integer".to_owned());
        other.push(column("more", "integer"));
        let found = differences(&other).join("\n");
        for says in [
            "column \"at\": type is date in the table and timestamp without time zone as described",
            "column \"at\": place in the sort key is 2 in the table and 1 as described",
            "column \"id\": primary key is false in the table and true as described",
            "column \"n\": not null is true in the table and false as described",
            "column \"n\": default is 8 in the table and 7 as described",
            "column 4 \"more\" is in the table and not described",
        ] {
            assert!(found.contains(says), "{says}\n{found}");
        }
        let mut turned = table();
        turned.swap(1, 2);
        assert!(differences(&turned)[0].contains("the order counts"));
    }

    #[rstest]
    #[case(Some("'fig'::character varying"), "'fig'")]
    #[case(Some("((7))"), "7")]
    #[case(Some("GETDATE()"), "getdate()")]
    #[case(Some("'0'::bigint"), "0")]
    #[case(None, "none")]
    fn a_default_is_compared_without_what_the_catalogue_adds(
        #[case] default: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(plain(default), expected);
    }
}

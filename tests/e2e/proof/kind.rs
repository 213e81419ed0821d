//! The kinds of files that the proofs land, each with a rule and a table of its own.

use std::collections::BTreeMap;

use crate::formats::gzip;
use crate::support::{Feed, World, unique};
use crate::targets::Target;

use super::books::elsewhere;
use super::{Expected, Landed, Part};

/// Records per file. Their ids are the file's number followed by one digit.
const RECORDS: i32 = 3;
/// Longer than the column.
const TOO_LONG: &str = "a name that is longer than the forty characters of its column";

/// What kind of file it is, and so which way it takes through the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// COPY reads it where it lies.
    Plain,
    /// Its trailer is stripped into a copy.
    Trailer,
    /// It is cut by record type.
    Split,
    /// It is compressed, and its trailer is stripped.
    Gzip,
    /// COPY refuses one of its rows.
    Refused,
    /// Its trailer lies.
    Rejected,
    /// SQL follows the load.
    FollowUp,
    /// The SQL that follows fails.
    FollowUpFails,
    /// It goes to two warehouses.
    Delivered,
    /// No rule knows it.
    Unknown,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Trailer,
        Self::Plain,
        Self::Split,
        Self::Gzip,
        Self::Refused,
        Self::Rejected,
        Self::FollowUp,
        Self::FollowUpFails,
        Self::Delivered,
        Self::Unknown,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Trailer => "trailer",
            Self::Split => "split",
            Self::Gzip => "gzip",
            Self::Refused => "refused by COPY",
            Self::Rejected => "rejected",
            Self::FollowUp => "follow-up",
            Self::FollowUpFails => "failing follow-up",
            Self::Delivered => "for two warehouses",
            Self::Unknown => "without a rule",
        }
    }
}

/// A rule of every kind. It outlives the world that it was made in, as the stack's data does.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    made: BTreeMap<Kind, Made>,
    /// Where follow-ups leave a row each time that they run.
    pub(crate) journal: String,
}

#[derive(Debug, Clone)]
struct Made {
    token: String,
    extension: &'static str,
    table: String,
    /// The tables of record types.
    parts: Vec<(&'static str, String)>,
    /// The other warehouse that its files go to, by its name, and its database.
    elsewhere: Option<(String, String)>,
}

impl Feeds {
    /// Makes the rules and their tables.
    pub(crate) async fn create(world: &World) -> anyhow::Result<Self> {
        let journal = format!("rdsftetl.follow_ups_{}", unique());
        world
            .query(&format!("CREATE TABLE {journal} (ran integer)"))
            .await?;
        let mut made = BTreeMap::new();
        for kind in Kind::ALL {
            made.insert(kind, make(world, kind, &journal).await?);
        }
        Ok(Self { made, journal })
    }

    /// The tables that rows go to.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        let parts = self.made.values().flat_map(|made| &made.parts);
        let whole = self.made.iter().filter(|(kind, _)| has_table(**kind));
        whole
            .map(|(_, made)| made.table.as_str())
            .chain(parts.map(|(_, table)| table.as_str()))
    }

    /// The table that rows go to in another warehouse, and its database.
    pub(crate) fn table_elsewhere(&self) -> Option<(&str, &str)> {
        let delivered = self.made.get(&Kind::Delivered)?;
        let (_, database) = delivered.elsewhere.as_ref()?;
        Some((database, &delivered.table))
    }

    /// A file of a kind that is like no other.
    pub(crate) fn file(&self, kind: Kind) -> anyhow::Result<Landed> {
        let made = &self.made[&kind];
        let number = unique();
        Ok(Landed {
            kind: kind.name(),
            file_name: format!("FILE_{number}_{}.{}", made.token, made.extension),
            bytes: bytes(kind, &ids(number))?,
            expected: expected(kind, made, &ids(number)),
        })
    }

    /// Another file under the name of one that landed before.
    pub(crate) fn successor(&self, kind: Kind, earlier: &Landed) -> anyhow::Result<Landed> {
        Ok(Landed {
            file_name: earlier.file_name.clone(),
            ..self.file(kind)?
        })
    }
}

fn has_table(kind: Kind) -> bool {
    !matches!(kind, Kind::Split | Kind::Unknown)
}

async fn make(world: &World, kind: Kind, journal: &str) -> anyhow::Result<Made> {
    let rule = world.feed();
    let mut elsewhere = None;
    let feed = match kind {
        Kind::Plain | Kind::Refused => rule.create().await?,
        Kind::Trailer | Kind::Rejected => rule.trailer("5:13").create().await?,
        Kind::Gzip => {
            let rule = rule.set("file_format", "gz").set("file_type", "gz");
            rule.trailer("5:13").create().await?
        }
        Kind::FollowUp => {
            let query = format!("INSERT INTO {journal} VALUES (1)");
            rule.set("query", &query).create().await?
        }
        Kind::FollowUpFails => {
            let query = format!("INSERT INTO {journal}_is_not_there VALUES (1)");
            rule.set("query", &query).create().await?
        }
        Kind::Split => rule.split("HD,DT").create().await?,
        Kind::Delivered => {
            let target = Target::new(world).await?;
            let feed = rule.also_to(&[&target]).create().await?;
            target.make_table(world, &feed).await?;
            elsewhere = Some((target.name, target.database));
            feed
        }
        Kind::Unknown => return Ok(nobodys()),
    };
    let parts = match kind {
        Kind::Split => make_parts(&feed).await?,
        _ => vec![],
    };
    Ok(Made {
        extension: if kind == Kind::Gzip { "gz" } else { "txt" },
        token: feed.token,
        table: feed.table,
        parts,
        elsewhere,
    })
}

async fn make_parts(feed: &Feed<'_>) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut parts = Vec::new();
    for record_type in ["DT", "HD"] {
        let rule = feed
            .part(record_type)
            .columns(["kind char(2)", "id integer", "name varchar(40)"]);
        parts.push((record_type, rule.create().await?.table));
    }
    Ok(parts)
}

/// A token that no rule has.
fn nobodys() -> Made {
    Made {
        token: unique().to_string(),
        extension: "txt",
        table: String::new(),
        parts: vec![],
        elsewhere: None,
    }
}

fn ids(number: u32) -> Vec<i32> {
    let first = i32::try_from(number).unwrap_or_default() * 10;
    (first..first + RECORDS).collect()
}

fn bytes(kind: Kind, ids: &[i32]) -> anyhow::Result<Vec<u8>> {
    let lines: String = ids.iter().map(|id| format!("{id}|row {id}\n")).collect();
    let trailer = |count: i32| format!("{lines}TRL {count:08}");
    Ok(match kind {
        Kind::Plain | Kind::FollowUp | Kind::FollowUpFails | Kind::Delivered | Kind::Unknown => {
            lines.into_bytes()
        }
        Kind::Trailer => trailer(RECORDS).into_bytes(),
        Kind::Gzip => gzip(trailer(RECORDS).as_bytes())?,
        Kind::Rejected => trailer(RECORDS + 1).into_bytes(),
        Kind::Refused => format!("{lines}{}|{TOO_LONG}\n", ids[0]).into_bytes(),
        Kind::Split => {
            let line = |(index, id)| format!("{}|{id}|row {id}\n", record_type(index));
            ids.iter().enumerate().map(line).collect::<String>().into_bytes()
        }
    })
}

/// One header, the rest details.
fn record_type(index: usize) -> &'static str {
    if index == 0 { "HD" } else { "DT" }
}

fn expected(kind: Kind, made: &Made, ids: &[i32]) -> Expected {
    let loaded = Expected {
        state: "complete",
        shelf: made.token.clone(),
        told: &["loaded"],
        audit: Some("FINISHED"),
        rows: ids.iter().map(|id| (made.table.clone(), *id)).collect(),
        parts: vec![],
    };
    let refused = Expected {
        shelf: "error".to_owned(),
        audit: Some("FAILED"),
        rows: vec![],
        ..loaded.clone()
    };
    match kind {
        Kind::Plain | Kind::Trailer | Kind::Gzip | Kind::FollowUp => loaded,
        Kind::FollowUpFails => Expected {
            state: "transform_failed",
            told: &["follow_up_failed", "loaded"],
            ..loaded
        },
        Kind::Split => Expected {
            state: "split",
            told: &["split"],
            rows: vec![],
            parts: made.parts.iter().map(|part| expected_part(part, ids)).collect(),
            ..loaded
        },
        Kind::Delivered => Expected {
            rows: vec![],
            parts: deliveries(made, ids),
            ..loaded
        },
        Kind::Refused => Expected {
            state: "failed",
            told: &["failed"],
            ..refused
        },
        Kind::Rejected => Expected {
            state: "rejected",
            told: &["rejected"],
            ..refused
        },
        Kind::Unknown => Expected {
            state: "rejected",
            told: &["rejected"],
            audit: None,
            ..refused
        },
    }
}

fn expected_part((of_type, table): &(&'static str, String), ids: &[i32]) -> Part {
    let mine = ids
        .iter()
        .enumerate()
        .filter(|(index, _)| record_type(*index) == *of_type);
    Part {
        name: (*of_type).to_owned(),
        rows: mine.map(|(_, id)| (table.clone(), *id)).collect(),
    }
}

/// Every row, once in each of the two warehouses.
fn deliveries(made: &Made, ids: &[i32]) -> Vec<Part> {
    let part = |name: &str, table: String| Part {
        name: name.to_owned(),
        rows: ids.iter().map(|id| (table.clone(), *id)).collect(),
    };
    let other = made.elsewhere.iter();
    let other = other.map(|(name, database)| part(name, elsewhere(database, &made.table)));
    std::iter::once(part("own", made.table.clone()))
        .chain(other)
        .collect()
}

//! A request with every name and text quoted by type, and the statements that move its rows.

use longshore_domain::rule::{ColumnPlace, RuleColumn};

use super::markers::CarriedMarker;
use super::modes::Mode;
use super::quote::{name, not_a_name, option, text};
use super::{LoadRequest, TransactionError};
use crate::identifier::{Identifier, QualifiedTable};
use crate::literal::{Literal, OptionText};
use crate::marker::marker_table;

/// The request with every name and text quoted by type.
pub(super) struct Parts {
    pub(super) target: QualifiedTable,
    pub(super) marker: QualifiedTable,
    pub(super) stage: Identifier,
    /// What COPY fills, in the file's order.
    pub(super) columns: Vec<Identifier>,
    /// Those of them that the table has no column for.
    pub(super) extra: Vec<Extra>,
    pub(super) lineage: Vec<(Identifier, Literal)>,
    pub(super) mode: Mode,
    pub(super) load_id: Literal,
    pub(super) object_url: Literal,
    pub(super) carried: Vec<CarriedMarker>,
    pub(super) manifest_url: OptionText,
    pub(super) iam_role: OptionText,
    pub(super) region: OptionText,
}

impl Parts {
    pub(super) fn quote(request: &LoadRequest<'_>) -> Result<Self, TransactionError> {
        Self::quote_section(request, "")
    }

    /// With `section` the names of its temporary tables differ from those of other sections of the transaction.
    pub(super) fn quote_section(request: &LoadRequest<'_>, section: &str) -> Result<Self, TransactionError> {
        let columns = request
            .columns
            .iter()
            .map(|column| name("column", &column.name))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            target: QualifiedTable::new(request.table)
                .map_err(|source| not_a_name("table", request.table, source))?,
            marker: marker_table(request.table)
                .map_err(|source| not_a_name("table", request.table, source))?,
            stage: name(
                "stage",
                &format!("longshore_stage_{}{section}", request.load.as_uuid().simple()),
            )?,
            columns,
            extra: request
                .columns
                .iter()
                .filter(|column| !column.place.is_of_the_table())
                .map(Extra::quote)
                .collect::<Result<_, _>>()?,
            lineage: lineage(request)?,
            mode: Mode::quote(request, section)?,
            load_id: text("load id", &request.load.to_string())?,
            object_url: text("object's address", request.object_url)?,
            carried: request
                .carried
                .iter()
                .map(CarriedMarker::quote)
                .collect::<Result<_, _>>()?,
            manifest_url: option("manifest's address", request.manifest_url)?,
            iam_role: option("IAM role", &request.warehouse.iam_role)?,
            region: option("region", &request.warehouse.region)?,
        })
    }

    /// Rows are found by the load's id and by nothing else: a file's name says which file, not which load.
    pub(super) fn delete_replaced(
        &self,
        request: &LoadRequest<'_>,
    ) -> Result<Option<String>, TransactionError> {
        if request.replaces.is_empty() {
            return Ok(None);
        }
        let column = request
            .load_id_column
            .ok_or(TransactionError::NothingToFindRowsBy)?;
        let column = name("load_id_column", column)?;
        let loads = request
            .replaces
            .iter()
            .map(|load| Ok(text("load id", &load.to_string())?.to_string()))
            .collect::<Result<Vec<_>, TransactionError>>()?;
        Ok(Some(format!(
            "DELETE FROM {}\nWHERE {column} IN ({})",
            self.target,
            loads.join(", ")
        )))
    }

    pub(super) fn insert(&self) -> String {
        if self.columns.is_empty() {
            return format!("INSERT INTO {} SELECT * FROM {}", self.target, self.stage);
        }
        let mut columns: Vec<String> = self.of_the_table().map(ToString::to_string).collect();
        let mut values = columns.clone();
        if let Some((column, value)) = self.kept() {
            columns.push(column);
            values.push(value);
        }
        for (column, value) in self.lineage.iter().chain(self.mode.filled()) {
            columns.push(column.to_string());
            values.push(value.to_string());
        }
        format!(
            "INSERT INTO {} ({})\nSELECT {}\nFROM {}",
            self.target,
            columns.join(", "),
            values.join(", "),
            self.moved()
        )
    }

    /// The table whose rows go into the target: the stage, unless the mode picks out some of them.
    pub(super) fn moved(&self) -> &Identifier {
        self.mode.picked().unwrap_or(&self.stage)
    }

    pub(super) fn of_the_table(&self) -> impl Iterator<Item = &Identifier> {
        let is_extra = |column: &Identifier| self.extra.iter().any(|extra| extra.column == *column);
        self.columns.iter().filter(move |column| !is_extra(column))
    }

    /// The SUPER column that keeps what the table has no columns for, and its value.
    fn kept(&self) -> Option<(String, String)> {
        let mut kept = self
            .extra
            .iter()
            .filter_map(|extra| Some((extra.kept_in.as_ref()?, extra)));
        let (column, first) = kept.next()?;
        let pairs: Vec<String> = std::iter::once(first)
            .chain(kept.map(|(_, extra)| extra))
            .map(|extra| format!("{}, {}", extra.name, extra.column))
            .collect();
        Some((column.to_string(), format!("OBJECT({})", pairs.join(", "))))
    }
}

/// A column of the file that the table has none for.
pub(super) struct Extra {
    pub(super) column: Identifier,
    /// Its name as a value.
    name: Literal,
    /// The SUPER column that it goes into; nowhere without.
    kept_in: Option<Identifier>,
}

impl Extra {
    fn quote(column: &RuleColumn) -> Result<Self, TransactionError> {
        Ok(Self {
            column: name("column", &column.name)?,
            name: text("column's name", &column.name)?,
            kept_in: match &column.place {
                ColumnPlace::Kept(place) => Some(name("extra_column", place)?),
                ColumnPlace::Own | ColumnPlace::Added | ColumnPlace::Dropped => None,
            },
        })
    }
}

fn lineage(request: &LoadRequest<'_>) -> Result<Vec<(Identifier, Literal)>, TransactionError> {
    let mut lineage = Vec::new();
    if let Some(column) = request.file_name_column {
        lineage.push((
            name("file_name_column", column)?,
            text("file's name", request.file_name)?,
        ));
    }
    if let Some(column) = request.load_id_column {
        lineage.push((
            name("load_id_column", column)?,
            text("load id", &request.load.to_string())?,
        ));
    }
    Ok(lineage)
}

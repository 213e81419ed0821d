//! The load transaction: one batch that loads one object exactly once, however often it is submitted.
//!
//! 1. `LOCK` the target's marker table, so that loads of one table queue up, whatever the isolation level. It comes
//!    first because a transaction's snapshot is taken at its first query.
//! 2. guard: fails when this load's marker is there, which means that it was loaded before.
//! 3. make the stage, an empty temporary copy of the columns that the file fills.
//! 4. `COPY` into it from a manifest.
//! 5. count: fails when the stage does not hold as many rows as the loader counted. Further checks fail on rows that the rule's
//!    mode could not place.
//! 6. the rule's `pre_sql`.
//! 7. replace: delete the rows whose place the new ones take, as the rule's mode says (`modes.rs`), or those of earlier loads of
//!    the same content.
//! 8. insert into the target, with what tells where the rows came from.
//! 9. the rule's `post_sql`.
//! 10. insert the marker. The markers of replaced loads stay: a late submission of one of them must still find it.
//!
//! Nothing here commits by itself: no `TRUNCATE`, no `VACUUM`, no `ALTER TABLE APPEND`.

mod group;
mod modes;

use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::rule::{ColumnPlace, LoadMode, RuleColumn};
use longshore_domain::statement::LoadStep;
use longshore_domain::target::{TableName, Warehouse};

use crate::identifier::{Identifier, IdentifierError, QualifiedTable};
use crate::literal::{Literal, LiteralError, OptionText};
use crate::marker::marker_table;
use crate::own_sql::render_own_sql;
use crate::spec::CopySpec;
use modes::Mode;

pub use group::{GroupFault, GroupTransaction};

pub use crate::follow_up::{check_follow_up, is_call};
pub use crate::own_sql::check_placeholders;

/// The longest statement that the Data API takes, in bytes.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>
pub const MAX_STATEMENT_BYTES: usize = 100_000;
/// The most statements that the Data API takes as one batch.
/// <https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html>
pub const MAX_STATEMENTS: usize = 40;
/// What a marker says of a load of which nobody counted the rows; the column takes no NULL.
const NOT_COUNTED: i64 = -1;

/// What a column of the file is in the stage, and in the table that gets it, while nobody says what it holds.
pub(crate) const EXTRA_TYPE: &str = "character varying(65535)";

/// The column that says when a row came. Where a rule lists columns it is not among them and takes its DEFAULT by itself.
pub(crate) const LOAD_TIME_COLUMN: &str = "target_transaction_timestamp";

/// What one load transaction is made from.
#[derive(Debug, Clone, Copy)]
pub struct LoadRequest<'a> {
    /// The load.
    pub load: LoadId,
    /// The table that its rows go to.
    pub table: &'a TableName,
    /// The columns that the file fills, in the file's order. Empty means all of the table's.
    ///
    /// For Parquet and ORC, all are found by place, so the file has each of them. For JSON and Avro, all are found by
    /// name, and COPY without a list counts as COPY with a full one: a column that the file lacks becomes NULL, not its
    /// DEFAULT, and fails the load where it is NOT NULL.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-column-mapping.html>
    /// The lineage is put right afterwards: where [`file_name_column`](Self::file_name_column) asks for it, the table has
    /// `target_transaction_timestamp` too, and that takes its DEFAULT.
    ///
    /// A table with an IDENTITY column, which takes no value, cannot be filled without a list in any format.
    pub columns: &'a [RuleColumn],
    /// How the files are read.
    pub spec: &'a CopySpec,
    /// `s3://bucket/key` of the manifest.
    pub manifest_url: &'a str,
    /// The warehouse, for its role and region.
    pub warehouse: &'a Warehouse,
    /// How many rows the files hold, when someone counted.
    pub rows_expected: Option<u64>,
    /// The name of the file for the column that takes it. It is passed whole: Redshift refuses a value that is longer
    /// than its column, in bytes, and never cuts one.
    pub file_name: &'a str,
    /// The column that takes the file's name.
    pub file_name_column: Option<&'a str>,
    /// The column that takes the load's id.
    pub load_id_column: Option<&'a str>,
    /// `s3://bucket/key` of the object that came, for the marker.
    pub object_url: &'a str,
    /// The loads that this one carries as a batch; empty when it is the load of a file. Each has a marker of its own, so that
    /// none of them is ever loaded again, in whatever company.
    pub carried: &'a [CarriedLoad<'a>],
    /// The loads whose rows these ones replace; needs [`load_id_column`](Self::load_id_column).
    pub replaces: &'a [LoadId],
    /// What becomes of the rows that the table has.
    pub mode: &'a LoadMode,
    /// The operator's SQL that runs before rows are moved.
    pub pre_sql: Option<&'a str>,
    /// The operator's SQL that runs after rows are moved.
    pub post_sql: Option<&'a str>,
    /// What the key gave, for the placeholders of the period and of the operator's SQL.
    pub captures: &'a Captures,
}

/// A load that a batch carries.
#[derive(Debug, Clone, Copy)]
pub struct CarriedLoad<'a> {
    /// The load.
    pub load: LoadId,
    /// `s3://bucket/key` of its object.
    pub object_url: &'a str,
    /// How many rows its file holds, when someone counted.
    pub rows: Option<u64>,
}

/// The statements of one load transaction, to be sent as one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadTransaction {
    /// The statements in order: 13 at most, those of the operator's SQL, and as many as it takes to write the markers of a
    /// batch. The Data API takes 40.
    pub statements: Vec<String>,
    /// Which step each statement is, place for place.
    pub steps: Vec<LoadStep>,
}

impl LoadTransaction {
    /// Renders the transaction, or says which part of the request cannot stand in SQL.
    pub fn render(request: &LoadRequest<'_>) -> Result<Self, TransactionError> {
        let parts = Parts::quote(request)?;
        let mut transaction = Self::empty();
        transaction.push(LoadStep::Lock, parts.lock());
        transaction.push(LoadStep::Guard, parts.guard());
        transaction.load_rows(&parts, request)?;
        transaction.push(LoadStep::Marker, parts.insert_marker());
        for markers in parts.insert_carried_markers() {
            transaction.push(LoadStep::Marker, markers);
        }
        transaction.within_limits()
    }

    fn empty() -> Self {
        Self {
            statements: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// From the empty stage to rows in the target.
    fn load_rows(&mut self, parts: &Parts, request: &LoadRequest<'_>) -> Result<(), TransactionError> {
        let transaction = self;
        transaction.push(LoadStep::Stage, parts.create_stage(request.spec));
        transaction.push(LoadStep::Copy, parts.copy(request.spec));
        if let Some(check) = parts.count(request) {
            transaction.push(LoadStep::Count, check);
        }
        if let Some(fill) = parts.fill_lineage(request) {
            transaction.push(LoadStep::Insert, fill);
        }
        transaction.extend(parts.check_rows());
        for statement in render_own_sql("pre_sql", request.pre_sql, request.captures)? {
            transaction.push(LoadStep::PreSql, statement);
        }
        transaction.extend(parts.make_room());
        if let Some(delete) = parts.delete_replaced(request)? {
            transaction.push(LoadStep::Replace, delete);
        }
        transaction.push(LoadStep::Insert, parts.insert());
        for statement in render_own_sql("post_sql", request.post_sql, request.captures)? {
            transaction.push(LoadStep::PostSql, statement);
        }
        Ok(())
    }

    fn extend(&mut self, statements: Vec<(LoadStep, String)>) {
        for (step, statement) in statements {
            self.push(step, statement);
        }
    }

    fn push(&mut self, step: LoadStep, statement: String) {
        self.steps.push(step);
        self.statements.push(statement);
    }

    fn within_limits(self) -> Result<Self, TransactionError> {
        let oversize = self
            .steps
            .iter()
            .zip(&self.statements)
            .find(|(_, statement)| statement.len() > MAX_STATEMENT_BYTES);
        if self.statements.len() > MAX_STATEMENTS {
            return Err(TransactionError::TooManyStatements {
                statements: self.statements.len(),
            });
        }
        match oversize {
            Some((step, statement)) => Err(TransactionError::StatementTooLong {
                step: *step,
                bytes: statement.len(),
            }),
            None => Ok(self),
        }
    }
}

/// The request with every name and text quoted by type.
struct Parts {
    target: QualifiedTable,
    marker: QualifiedTable,
    stage: Identifier,
    /// What COPY fills, in the file's order.
    columns: Vec<Identifier>,
    /// Those of them that the table has no column for.
    extra: Vec<Extra>,
    lineage: Vec<(Identifier, Literal)>,
    mode: Mode,
    load_id: Literal,
    object_url: Literal,
    carried: Vec<CarriedMarker>,
    manifest_url: OptionText,
    iam_role: OptionText,
    region: OptionText,
}

impl Parts {
    fn quote(request: &LoadRequest<'_>) -> Result<Self, TransactionError> {
        Self::quote_section(request, "")
    }

    /// With `section` the names of its temporary tables differ from those of other sections of the transaction.
    fn quote_section(request: &LoadRequest<'_>, section: &str) -> Result<Self, TransactionError> {
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

    fn lock(&self) -> String {
        format!("LOCK TABLE {}", self.marker)
    }

    /// A division by zero when a marker is there. Any number of them: Redshift does not enforce a primary key.
    fn guard(&self) -> String {
        format!(
            "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM {} WHERE load_id {}",
            self.marker,
            self.is_one_of_ours()
        )
    }

    fn is_one_of_ours(&self) -> String {
        if self.carried.is_empty() {
            return format!("= {}", self.load_id);
        }
        let carried = self.carried.iter().map(|carried| &carried.load_id);
        let ids: Vec<String> = std::iter::once(&self.load_id)
            .chain(carried)
            .map(ToString::to_string)
            .collect();
        format!("IN ({})", ids.join(", "))
    }

    /// A stage made by LIKE has the target's defaults, which [`Self::fill_lineage`] needs.
    fn create_stage(&self, spec: &CopySpec) -> String {
        if self.is_found_by_name(spec) {
            return format!(
                "CREATE TEMP TABLE {} (LIKE {} INCLUDING DEFAULTS)",
                self.stage, self.target
            );
        }
        format!(
            "CREATE TEMP TABLE {} AS SELECT {} FROM {} WHERE 1 = 0",
            self.stage,
            self.selected_columns(),
            self.target
        )
    }

    fn copy(&self, spec: &CopySpec) -> String {
        let mut clauses = Vec::new();
        clauses.push(if self.columns.is_empty() || spec.is_columnar() {
            format!("COPY {}", self.stage)
        } else {
            format!("COPY {} ({})", self.stage, list(&self.columns))
        });
        clauses.push(format!("FROM {}", self.manifest_url));
        clauses.push(if self.iam_role.as_str().eq_ignore_ascii_case("default") {
            "IAM_ROLE default".to_owned()
        } else {
            format!("IAM_ROLE {}", self.iam_role)
        });
        clauses.push("MANIFEST".to_owned());
        if !spec.is_columnar() && !self.region.as_str().is_empty() {
            clauses.push(format!("REGION {}", self.region));
        }
        clauses.extend(spec.clauses());
        clauses.join("\n")
    }

    /// Absent when nobody counted, or when COPY may leave out any number of rows, unless none at all would leave nothing where
    /// there was something.
    fn count(&self, request: &LoadRequest<'_>) -> Option<String> {
        let fewest = self.mode.fewest_rows();
        let counted = request.rows_expected.zip(request.spec.max_errors());
        let is_right = match counted {
            Some((expected, 0)) => format!("= {expected}"),
            Some((expected, errors)) => {
                let least = expected.saturating_sub(errors).max(fewest);
                format!("BETWEEN {least} AND {expected}")
            }
            None if fewest > 0 => format!(">= {fewest}"),
            None => return None,
        };
        Some(format!(
            "SELECT 1 / (CASE WHEN COUNT(*) {is_right} THEN 1 ELSE 0 END) FROM {}",
            self.stage
        ))
    }

    /// Whether COPY looks for every column of the table by its name.
    fn is_found_by_name(&self, spec: &CopySpec) -> bool {
        self.columns.is_empty() && !spec.is_columnar()
    }

    /// When the rule lists no columns the stage has the target's own lineage columns, and they are filled in there.
    fn fill_lineage(&self, request: &LoadRequest<'_>) -> Option<String> {
        if !self.columns.is_empty() || self.lineage.is_empty() {
            return None;
        }
        let mut assignments: Vec<String> = self
            .lineage
            .iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        if self.is_found_by_name(request.spec) && request.file_name_column.is_some() {
            assignments.push(format!("\"{LOAD_TIME_COLUMN}\" = DEFAULT"));
        }
        Some(format!("UPDATE {} SET {}", self.stage, assignments.join(", ")))
    }

    /// Rows are found by the load's id and by nothing else: a file's name says which file, not which load.
    fn delete_replaced(&self, request: &LoadRequest<'_>) -> Result<Option<String>, TransactionError> {
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

    fn insert(&self) -> String {
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
    fn moved(&self) -> &Identifier {
        self.mode.picked().unwrap_or(&self.stage)
    }

    fn insert_marker(&self) -> String {
        format!(
            "INSERT INTO {} (load_id, object_url, row_count, loaded_at)\nSELECT {}, {}, COUNT(*), GETDATE()\nFROM {}",
            self.marker,
            self.load_id,
            self.object_url,
            self.moved()
        )
    }

    /// As few statements as hold the markers of what is carried.
    fn insert_carried_markers(&self) -> Vec<String> {
        let head = format!(
            "INSERT INTO {} (load_id, object_url, row_count, loaded_at)\nVALUES",
            self.marker
        );
        let mut statements: Vec<String> = Vec::new();
        for CarriedMarker {
            load_id,
            object_url,
            rows,
        } in &self.carried
        {
            let values = format!("\n    ({load_id}, {object_url}, {rows}, GETDATE())");
            match statements.last_mut() {
                Some(last) if last.len() + 1 + values.len() <= MAX_STATEMENT_BYTES => {
                    last.push(',');
                    last.push_str(&values);
                }
                _ => statements.push(format!("{head}{values}")),
            }
        }
        statements
    }

    /// What the stage is made of: the table's columns, and texts for those that it lacks.
    fn selected_columns(&self) -> String {
        if self.columns.is_empty() {
            return "*".to_owned();
        }
        let texts = self
            .extra
            .iter()
            .map(|extra| format!("CAST(NULL AS {EXTRA_TYPE}) AS {}", extra.column));
        let columns = self.of_the_table().map(ToString::to_string).chain(texts);
        columns.collect::<Vec<_>>().join(", ")
    }

    fn of_the_table(&self) -> impl Iterator<Item = &Identifier> {
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
struct Extra {
    column: Identifier,
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

/// What the marker of a carried load says.
struct CarriedMarker {
    load_id: Literal,
    object_url: Literal,
    rows: i64,
}

impl CarriedMarker {
    fn quote(carried: &CarriedLoad<'_>) -> Result<Self, TransactionError> {
        let counted = carried.rows.and_then(|rows| i64::try_from(rows).ok());
        Ok(Self {
            load_id: text("load id", &carried.load.to_string())?,
            object_url: text("object's address", carried.object_url)?,
            rows: counted.unwrap_or(NOT_COUNTED),
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

fn list(columns: &[Identifier]) -> String {
    columns
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn name(part: &'static str, name: &str) -> Result<Identifier, TransactionError> {
    Identifier::new(name).map_err(|source| not_a_name(part, name, source))
}

fn not_a_name(part: &'static str, name: impl ToString, source: IdentifierError) -> TransactionError {
    TransactionError::NotAName {
        part,
        name: name.to_string(),
        source,
    }
}

fn text(part: &'static str, text: &str) -> Result<Literal, TransactionError> {
    Literal::new(text).map_err(|source| TransactionError::NotAText { part, source })
}

fn option(part: &'static str, text: &str) -> Result<OptionText, TransactionError> {
    OptionText::new(text).map_err(|source| TransactionError::NotAText { part, source })
}

/// Why a load transaction or what follows it cannot be sent. None of them passes by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// A name that no table or column can have.
    #[error("the {part} {name:?} cannot be named in SQL")]
    NotAName {
        /// What the name is for.
        part: &'static str,
        /// The name.
        name: String,
        /// Why not.
        #[source]
        source: IdentifierError,
    },
    /// A text that cannot stand in SQL.
    #[error("the {part} cannot be written in SQL")]
    NotAText {
        /// What the text is.
        part: &'static str,
        /// Why not.
        #[source]
        source: LiteralError,
    },
    /// A placeholder that the key does not fill.
    #[error("the {column} has the placeholder {{{placeholder}}}, which the key does not give")]
    NotInTheKey {
        /// The rule's column that it stands in.
        column: &'static str,
        /// Its name.
        placeholder: String,
    },
    /// Rows are to be replaced, and the target has no column that tells them apart.
    #[error("rows can only be replaced in a table with a load_id_column")]
    NothingToFindRowsBy,
    /// Files of a set that go into one table by more than one COPY, where each would delete what the one before it brought.
    #[error(
        "the set's files of table {table} differ in how they are read (a rule that was changed meanwhile, a header in another \
         order, other values of the key), and load_mode {mode} deletes rows: each would delete what the other brought"
    )]
    WouldDeleteEachOther {
        /// The table.
        table: String,
        /// The mode.
        mode: &'static str,
    },
    /// Rows are to be merged, and no column is listed to compare them by.
    #[error("rows can only be merged under a rule that lists the columns of its files")]
    NothingToMergeBy,
    /// A statement beyond what the Data API takes.
    #[error(
        "the {step} statement has {bytes} bytes, and the Data API takes {MAX_STATEMENT_BYTES}; list fewer columns, or write \
         less in pre_sql and post_sql"
    )]
    StatementTooLong {
        /// Which one.
        step: LoadStep,
        /// How long it is.
        bytes: usize,
    },
    /// More statements than the Data API takes as one transaction.
    #[error(
        "the transaction has {statements} statements, and the Data API takes {MAX_STATEMENTS}; write less in pre_sql and \
         post_sql, or fewer rules in one group"
    )]
    TooManyStatements {
        /// How many it has.
        statements: usize,
    },
    /// A follow-up beyond what the Data API takes.
    #[error(
        "the follow-up has {bytes} bytes, and the Data API takes {MAX_STATEMENT_BYTES}; put it into a procedure and call that"
    )]
    FollowUpTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A follow-up of nothing but blanks and comments, or of more than one statement.
    #[error(
        "the follow-up holds {statements} statements, and the Data API runs one; leave it NULL or put them into a procedure and call that"
    )]
    FollowUpNotOneStatement {
        /// How many it holds.
        statements: usize,
    },
}

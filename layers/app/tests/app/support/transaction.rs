//! What the load transaction's statements do to a warehouse that is nothing but tables of lines.

use std::collections::BTreeMap;

use longshore_app::ports::StatementRun;
use longshore_app::ports::StepReport;
use longshore_domain::fault::WarehouseFault;

use super::files::Files;

/// Rows that COPY cannot read hold this word.
pub(crate) const UNREADABLE: &str = "BAD";

/// The columns that a target has for what files hold, unless it was made by a statement that says others.
const COLUMNS: [&str; 2] = ["item", "amount"];
/// The type of columns of which nothing else is said.
const TEXT: &str = "character varying(65535)";

/// What a transaction changes when it commits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    /// The rows of each target, by its quoted name.
    pub(crate) targets: BTreeMap<String, Vec<Row>>,
    /// The columns of targets that a statement made, each with its type, by the target's quoted name.
    pub(crate) described: BTreeMap<String, Vec<(String, String)>>,
    /// The columns that targets got besides.
    pub(crate) added: BTreeMap<String, Vec<String>>,
    /// The rows that each load brought, by marker table and load id.
    pub(crate) markers: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Tables {
    /// Makes a target as a statement says.
    pub(crate) fn create_target(&mut self, name: &str, sql: &str) {
        let column = |line: &str| {
            let (column, kind) = line.trim_start().strip_prefix('"')?.split_once("\" ")?;
            let kind = kind.trim_end_matches(',').split(" NOT NULL").next()?;
            Some((column.to_owned(), kind.to_owned()))
        };
        let columns: Vec<_> = sql.lines().filter_map(column).collect();
        self.targets.entry(name.to_owned()).or_default();
        if !columns.is_empty() {
            self.described.entry(name.to_owned()).or_insert(columns);
        }
    }

    /// The columns of a target, each with its type.
    pub(crate) fn columns_of(&self, name: &str) -> Vec<(String, String)> {
        let text = |name: &str| (name.to_owned(), TEXT.to_owned());
        let made = self.described.get(name).cloned();
        let mut columns = made.unwrap_or_else(|| COLUMNS.map(text).to_vec());
        columns.extend(self.added.get(name).into_iter().flatten().map(|name| text(name)));
        columns
    }
}

/// A line in a target, and the load that brought it where the target has a column for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: String,
    load: Option<String>,
}

/// A row that COPY could not read.
#[derive(Debug, Clone)]
pub(crate) struct RowFault {
    pub(crate) url: String,
    pub(crate) line: usize,
}

/// One transaction at work.
pub(crate) struct Transaction<'a> {
    pub(crate) tables: Tables,
    pub(crate) files: &'a Files,
    /// The rows that COPY refused, whether or not the transaction commits.
    pub(crate) faults: Vec<RowFault>,
    /// The rows of the stage that was made last: a section is done with its own before the next begins.
    stage: Vec<String>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(tables: Tables, files: &'a Files) -> Self {
        Self {
            tables,
            files,
            faults: Vec::new(),
            stage: Vec::new(),
        }
    }

    /// Runs one statement. Gives the rows it touched, or the warehouse's error text.
    pub(crate) fn run(&mut self, sql: &str) -> Result<usize, String> {
        match sql.split_whitespace().next().unwrap_or_default() {
            "LOCK" => after(sql, "TABLE ")
                .split(", ")
                .try_for_each(|name| self.marker_of(name).map(drop))
                .map(|()| 0),
            "SELECT" if sql.contains("load_id") => self.guard(sql),
            "SELECT" => self.count(sql),
            "CREATE" => {
                self.stage.clear();
                self.create_stage(sql)
            }
            "COPY" => self.copy(sql),
            "DELETE" => self.delete(sql),
            "INSERT" if sql.starts_with("INSERT INTO \"longshore\"") => self.insert_marker(sql),
            "INSERT" => self.insert(sql),
            other => Err(format!("the model does not know {other}")),
        }
    }

    fn guard(&mut self, sql: &str) -> Result<usize, String> {
        const MARKERS: &str = "\"longshore\"";
        for table in sql.split(&format!(" FROM {MARKERS}")).skip(1) {
            let loads = literals(table);
            let markers = self.marker_of(&format!("{MARKERS}{table}"))?;
            if loads.iter().any(|load| markers.contains_key(load)) {
                return Err("ERROR: division by zero".to_owned());
            }
        }
        Ok(1)
    }

    /// A stage has the columns of its target, so those that it names must be there.
    fn create_stage(&self, sql: &str) -> Result<usize, String> {
        let (listed, from) = after(sql, "SELECT ").split_once("FROM ").unwrap_or_default();
        let name = name_at(from);
        self.target_of(&name)?;
        let known = self.tables.columns_of(&name);
        let of_the_table = listed.split(", ").filter(|item| item.starts_with('"'));
        let missing = of_the_table
            .map(|item| item.trim_end().trim_matches('"'))
            .find(|column| known.iter().all(|(known, _)| known != column));
        match missing {
            Some(column) => Err(format!("ERROR: column \"{column}\" does not exist")),
            None => Ok(0),
        }
    }

    fn copy(&mut self, sql: &str) -> Result<usize, String> {
        let allowed = match sql.split_once("MAXERROR ") {
            Some((_, number)) => first_number(number),
            None => 0,
        };
        for url in self.manifest(&quoted(after(sql, "FROM ")))? {
            let file = self.read(&url)?;
            let header = sql.split_once("IGNOREHEADER ");
            let header = header.map_or(0, |(_, number)| first_number(number));
            for (index, line) in file.lines().enumerate().skip(header) {
                if line.contains(UNREADABLE) {
                    let line = index + 1;
                    let url = url.clone();
                    self.faults.push(RowFault { url, line });
                } else {
                    self.stage.push(line.to_owned());
                }
            }
        }
        if self.faults.len() > allowed {
            return Err("ERROR: Load into table failed. Check 'sys_load_error_detail'".to_owned());
        }
        Ok(self.stage.len())
    }

    fn manifest(&self, url: &str) -> Result<Vec<String>, String> {
        let manifest: serde_json::Value =
            serde_json::from_str(&self.read(url)?).map_err(|error| error.to_string())?;
        let entries = manifest["entries"].as_array().cloned().unwrap_or_default();
        Ok(entries
            .iter()
            .filter_map(|entry| entry["url"].as_str().map(str::to_owned))
            .collect())
    }

    fn read(&self, url: &str) -> Result<String, String> {
        let key = url.strip_prefix("s3://landing/").unwrap_or_default();
        let file = self
            .files
            .get(key)
            .ok_or_else(|| format!("ERROR: {url} does not exist"))?;
        Ok(String::from_utf8_lossy(&file.bytes).into_owned())
    }

    fn count(&self, sql: &str) -> Result<usize, String> {
        let rows = self.stage.len();
        if sql.contains("WHERE ") {
            // Rows that must not be there, and in a model never are.
            return Ok(1);
        }
        if let Some((_, least)) = sql.split_once("COUNT(*) >= ") {
            return match rows >= first_number(least) {
                true => Ok(1),
                false => Err("ERROR: division by zero".to_owned()),
            };
        }
        let is_right = match sql.split_once("BETWEEN ") {
            Some((_, range)) => (first_number(range)..=first_number(after(range, " AND "))).contains(&rows),
            None => first_number(after(sql, "COUNT(*) = ")) == rows,
        };
        match is_right {
            true => Ok(1),
            false => Err("ERROR: division by zero".to_owned()),
        }
    }

    fn insert(&mut self, sql: &str) -> Result<usize, String> {
        let name = name_at(after(sql, "INTO "));
        self.target_of(&name)?;
        // The load's id is the last of the lineage literals.
        let has_load = sql.contains("\"load_id\")");
        let load = sql.rsplit('\'').nth(1).filter(|_| has_load).map(str::to_owned);
        let target = self.tables.targets.entry(name).or_default();
        target.extend(self.stage.iter().map(|line| Row {
            line: line.clone(),
            load: load.clone(),
        }));
        Ok(self.stage.len())
    }

    fn delete(&mut self, sql: &str) -> Result<usize, String> {
        let name = name_at(after(sql, "FROM "));
        self.target_of(&name)?;
        let doomed = after(sql, "\"load_id\" IN ");
        let target = self.tables.targets.entry(name).or_default();
        let before = target.len();
        if !sql.contains("WHERE") {
            target.clear();
        }
        target.retain(|row| row.load.as_ref().is_none_or(|load| !doomed.contains(load)));
        Ok(before - target.len())
    }

    fn insert_marker(&mut self, sql: &str) -> Result<usize, String> {
        let staged = self.stage.len();
        let markers = self.marker_of(after(sql, "INTO "))?;
        let Some((_, values)) = sql.split_once("VALUES") else {
            markers.insert(quoted(sql), staged);
            return Ok(1);
        };
        let values: Vec<_> = values.lines().filter(|line| line.contains('(')).collect();
        for line in &values {
            let rows = line.rsplit(", ").nth(1).and_then(|rows| rows.parse().ok());
            markers.insert(quoted(line), rows.unwrap_or_default());
        }
        Ok(values.len())
    }

    fn marker_of(&mut self, text: &str) -> Result<&mut BTreeMap<String, usize>, String> {
        let name = name_at(text);
        let missing = format!("ERROR: relation {name} does not exist");
        self.tables.markers.get_mut(&name).ok_or(missing)
    }

    fn target_of(&self, text: &str) -> Result<&[Row], String> {
        let name = name_at(text);
        let target = self.tables.targets.get(&name);
        target
            .map(Vec::as_slice)
            .ok_or_else(|| format!("ERROR: relation {name} does not exist"))
    }
}

/// The report of a step that came out like this.
pub(crate) fn step(result: &Result<usize, String>, query_id: i64) -> StepReport {
    StepReport {
        run: match result {
            Ok(_) => StatementRun::Finished,
            Err(_) => StatementRun::Failed,
        },
        error: result.as_ref().err().cloned(),
        fault: result.as_ref().err().map(|error| fault_of(error)),
        rows: result.as_ref().ok().map(|rows| *rows as u64),
        query_id: Some(query_id),
    }
}

fn fault_of(error: &str) -> WarehouseFault {
    match error.contains("does not exist") {
        true => WarehouseFault::Configuration,
        false => WarehouseFault::Data,
    }
}

/// What stands behind the first `mark`, up to the end; nothing when it is not there.
pub(crate) fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// The quoted table name that a text begins with.
pub(crate) fn name_at(text: &str) -> String {
    let end = text.find([' ', '\n']).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The first literal in a text.
pub(crate) fn quoted(text: &str) -> String {
    text.split('\'').nth(1).unwrap_or_default().to_owned()
}

/// Every literal in a text.
pub(crate) fn literals(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

fn first_number(text: &str) -> usize {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

//! ListSessions.

use serde_json::{Map, Value, json};

use super::describe::epoch;
use super::list::Page;
use super::request::Request;
use crate::ApiError;
use crate::session::{SessionFacts, SessionStatus};
use crate::warehouse::Inner;

/// Filters that a request for one session may not have.
const FILTERS: [&str; 4] = ["Status", "ClusterIdentifier", "WorkgroupName", "Database"];

/// ListSessions: those that are AVAILABLE or BUSY unless another status or one session is asked for.
pub(super) fn sessions(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let filter = Filter::of(inner, request)?;
    let page = Page::of(request)?;
    let facts = inner.sessions.facts();
    let matching: Vec<Value> = facts
        .iter()
        .filter(|facts| filter.takes(facts))
        .map(entry)
        .collect();
    if let (Some(id), true) = (filter.id, matching.is_empty()) {
        return Err(ApiError::not_found(format!("Session does not exist: {id}")));
    }
    Ok(page.answer("Sessions", matching))
}

/// Which sessions are asked for.
struct Filter<'a> {
    id: Option<&'a str>,
    status: Option<&'a str>,
    cluster: Option<usize>,
    database: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn of(inner: &Inner, request: &Request<'a>) -> Result<Self, ApiError> {
        let id = request.text("SessionId")?;
        let other = FILTERS.iter().find(|name| request.get(name).is_some());
        if let (Some(_), Some(other)) = (id, other) {
            return Err(ApiError::validation(format!(
                "SessionId cannot be given together with {other}"
            )));
        }
        let status = request.text("Status")?;
        if let Some(status) = status.filter(|status| !SessionStatus::ALL.contains(status)) {
            return Err(ApiError::not_in_enum("status", status, &SessionStatus::ALL));
        }
        Ok(Self {
            id,
            status,
            cluster: request.cluster_if_named(inner)?,
            database: request.text("Database")?,
        })
    }

    fn takes(&self, facts: &SessionFacts) -> bool {
        if let Some(id) = self.id {
            return facts.id.to_string() == id;
        }
        let is_of_status = match self.status {
            Some(status) => facts.status.as_str() == status,
            None => facts.status != SessionStatus::Closed,
        };
        let is_of_cluster = self.cluster.is_none_or(|cluster| cluster == facts.place.cluster);
        let is_of_database = self
            .database
            .is_none_or(|database| database == facts.place.database);
        is_of_status && is_of_cluster && is_of_database
    }
}

fn entry(facts: &SessionFacts) -> Value {
    let mut entry = Map::new();
    for name in ["ClusterIdentifier", "WorkgroupName", "DbUser"] {
        if let Some(value) = facts.request.get(name) {
            entry.insert(name.to_owned(), value.clone());
        }
    }
    entry.insert("SessionId".to_owned(), json!(facts.id.to_string()));
    entry.insert("Status".to_owned(), json!(facts.status.as_str()));
    entry.insert("Database".to_owned(), json!(facts.place.database));
    entry.insert("CreatedAt".to_owned(), epoch(facts.created_at));
    entry.insert("UpdatedAt".to_owned(), epoch(facts.updated_at));
    entry.insert(
        "SessionAliveSeconds".to_owned(),
        json!(facts.keep_alive.as_secs()),
    );
    entry.insert("SessionTtl".to_owned(), epoch(facts.expires_at));
    if let Some(statement) = facts.statement {
        entry.insert("CurrentStatementId".to_owned(), json!(statement.to_string()));
    }
    Value::Object(entry)
}

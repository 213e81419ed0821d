//! The fields of one object of an event: each known by name, every fault with its place.

use longshore_app::rules::near;
use serde_json::{Map, Value};

/// An object, where it stands, and what is wrong with it so far.
pub(super) struct Fields<'event, 'faults> {
    object: Option<&'event Map<String, Value>>,
    place: String,
    faults: &'faults mut Vec<String>,
}

impl<'event, 'faults> Fields<'event, 'faults> {
    /// Reads an object; fields that are not known are faults, and so is what is no object.
    pub(super) fn of(
        value: Option<&'event Value>,
        place: impl Into<String>,
        known: &[&str],
        faults: &'faults mut Vec<String>,
    ) -> Self {
        let mut fields = Self {
            object: value.and_then(Value::as_object),
            place: place.into(),
            faults,
        };
        match fields.object {
            Some(object) => {
                for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
                    let what = near::unknown("field here", name, known.iter().copied());
                    fields.fault(name, &what);
                }
            }
            None if value.is_some_and(|value| !value.is_null()) => {
                fields.fault("", "an object is expected here")
            }
            None => {}
        }
        fields
    }

    /// The object in one of its fields.
    pub(super) fn within(&mut self, name: &str, known: &[&str]) -> Fields<'event, '_> {
        Fields::of(self.value(name), self.place_of(name), known, self.faults)
    }

    pub(super) fn is_there(&self) -> bool {
        self.object.is_some()
    }

    pub(super) fn value(&self, name: &str) -> Option<&'event Value> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    fn place_of(&self, name: &str) -> String {
        match (self.place.as_str(), name) {
            ("", name) => name.to_owned(),
            (place, "") => place.to_owned(),
            (place, name) => format!("{place}.{name}"),
        }
    }

    pub(super) fn fault(&mut self, name: &str, what: &str) {
        let place = self.place_of(name);
        self.faults.push(format!("{place}: {what}"));
    }

    /// A text that says something.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        match value.as_str().map(str::trim) {
            Some("") => None,
            Some(text) => Some(text.to_owned()),
            None => {
                self.fault(name, "a text is expected here");
                None
            }
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let faults = self.faults.len();
        let text = self.text(name);
        if text.is_none() && self.faults.len() == faults {
            self.fault(name, "is not set");
        }
        text
    }

    /// Texts in a list, or one with commas.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let texts: Option<Vec<String>> = match self.value(name) {
            None => Some(Vec::new()),
            Some(Value::String(text)) => Some(text.split(',').map(|text| text.trim().to_owned()).collect()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Some(_) => None,
        };
        texts.unwrap_or_else(|| {
            self.fault(name, "a list of texts is expected here");
            Vec::new()
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.fault(name, "true or false is expected here");
        }
        flag
    }
}

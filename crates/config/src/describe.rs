//! The configuration as data: every section and key with its documentation and its value.

use serde_json::Value as Json;

use crate::Config;
use crate::section::{Key, Visitor};
use crate::value::Value;

/// A section with its keys.
pub(crate) struct SectionInfo {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) keys: Vec<KeyInfo>,
}

/// A key with its value.
pub(crate) struct KeyInfo {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What it takes, with its article.
    pub(crate) form: String,
    /// The allowed range, in words; empty when the form says it all.
    pub(crate) range: String,
    /// The JSON Schema of the value.
    pub(crate) schema: Json,
    /// The value in TOML; `None` when it is not set.
    pub(crate) value: Option<String>,
}

impl KeyInfo {
    /// Whether the value must not be shown (cli.md: keys that take secrets end in `_secret` or `url`).
    pub(crate) fn is_secret(&self) -> bool {
        self.name.ends_with("_secret") || self.name.ends_with("url")
    }
}

/// Every section of this configuration, in order.
pub(crate) fn describe(config: &Config) -> Vec<SectionInfo> {
    let mut describer = Describer::default();
    // A visitor may write, so it is given a copy.
    config.clone().visit(&mut describer);
    describer.sections
}

#[derive(Default)]
struct Describer {
    sections: Vec<SectionInfo>,
}

impl Visitor for Describer {
    fn section(&mut self, name: &'static str, about: &'static str) {
        self.sections.push(SectionInfo { name, about, keys: Vec::new() });
    }

    fn key<T: Value>(&mut self, key: Key<T>, value: &mut T) {
        let mut schema = T::schema();
        let mut range = String::new();
        if let Some(bounds) = &key.range {
            let [low, high] = [bounds.start(), bounds.end()].map(|bound| bound.write().unwrap_or_default());
            // Only numbers have bounds in JSON Schema; for durations and sizes the words have to do.
            if let Some(object) = schema.as_object_mut()
                && object.get("type") == Some(&Json::from("integer"))
                && let (Ok(low), Ok(high)) = (low.parse::<u64>(), high.parse::<u64>())
            {
                object.insert("minimum".to_owned(), low.into());
                object.insert("maximum".to_owned(), high.into());
            }
            range = format!("{} to {}", low.trim_matches('"'), high.trim_matches('"'));
        }
        let info = KeyInfo {
            name: key.name,
            about: key.about,
            form: T::form(),
            range,
            schema,
            value: value.write(),
        };
        if let Some(section) = self.sections.last_mut() {
            section.keys.push(info);
        }
    }
}

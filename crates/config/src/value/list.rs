//! Lists of values, and the one table that stands in a list of files: a certificate with its key.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::{Value, quote, wrong_type};
use crate::node::{Node, parse_value};

impl<T: Value> Value for Vec<T> {
    fn form() -> String {
        format!("a list, each item {}", T::form())
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::List(items) = node else { return Err(wrong_type::<Self>(node)) };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| T::read(item).map_err(|why| format!("item {}: {why}", index + 1)))
            .collect()
    }

    /// Items separated by commas, or a list in TOML syntax.
    fn node_of_text(text: &str) -> Node {
        let text = text.trim();
        if text.is_empty() {
            return Node::List(Vec::new());
        }
        if text.starts_with('[')
            && let Some(list) = parse_value(text)
        {
            return list;
        }
        Node::List(text.split(',').map(|item| T::node_of_text(item.trim())).collect())
    }

    fn write(&self) -> Option<String> {
        let items: Vec<_> = self.iter().filter_map(Value::write).collect();
        Some(format!("[{}]", items.join(", ")))
    }

    fn rebase(&mut self, base: &Path) {
        for item in self {
            item.rebase(base);
        }
    }
}

/// A certificate chain and its private key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// The certificate, followed by its intermediates.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Value for Certificate {
    fn form() -> String {
        "a table { chain = \"…\", key = \"…\" } (in the environment: CHAIN:KEY)".to_owned()
    }

    fn schema() -> Json {
        json!({
            "type": "object",
            "properties": { "chain": PathBuf::schema(), "key": PathBuf::schema() },
            "required": ["chain", "key"],
            "additionalProperties": false,
        })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Table(table) = node else { return Err(wrong_type::<Self>(node)) };
        refuse_other_fields(table.keys(), &["chain", "key"])?;
        let field = |name: &str| {
            let node = table.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
            PathBuf::read(node).map_err(|why| format!("`{name}` {why}"))
        };
        Ok(Self { chain: field("chain")?, key: field("key")? })
    }

    fn node_of_text(text: &str) -> Node {
        match text.split_once(':') {
            Some((chain, key)) => Node::Table(
                [("chain", chain), ("key", key)]
                    .map(|(name, path)| (name.to_owned(), Node::Text(path.to_owned())))
                    .into(),
            ),
            None => Node::Text(text.to_owned()),
        }
    }

    fn write(&self) -> Option<String> {
        let [chain, key] = [&self.chain, &self.key].map(|path| quote(&path.to_string_lossy()));
        Some(format!("{{ chain = {chain}, key = {key} }}"))
    }

    fn rebase(&mut self, base: &Path) {
        self.chain.rebase(base);
        self.key.rebase(base);
    }
}

/// Refuses a table that has a field with another name than these.
pub(super) fn refuse_other_fields<'a>(
    mut present: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), String> {
    match present.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("unknown field `{name}`, takes `{}`", known.join("`, `"))),
        None => Ok(()),
    }
}

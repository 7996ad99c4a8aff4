//! A configuration value as it was written, before any type has looked at it, and where it stands.
//!
//! This is the only place that knows the TOML parser's types. Nothing here knows a key's meaning.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// `"text"`, or the value of an environment variable or flag.
    Text(String),
    /// `12`, within 64 bits.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// `[…]`.
    List(Vec<Self>),
    /// `{…}`.
    Table(BTreeMap<String, Self>),
    /// Something that no key takes, named with its article.
    Other(&'static str),
}

impl Node {
    /// What this is, with its article, for a message such as "takes a duration, this is a list".
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1.
    pub(crate) column: usize,
}

impl Position {
    /// The position of a byte offset in a text; the end for an offset past it.
    pub(crate) fn at(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

/// One key of a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key's name.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) name_at: Position,
    /// Where the value stands.
    pub(crate) value_at: Position,
    /// The value.
    pub(crate) node: Node,
    /// The keys inside, when the value is a table.
    pub(crate) children: Option<Vec<Self>>,
}

/// A syntax error of the file.
#[derive(Debug)]
pub(crate) struct Syntax {
    /// Where, if the parser knows.
    pub(crate) at: Option<Position>,
    /// What the parser says, on one line.
    pub(crate) message: String,
}

/// A parsed file: its top-level keys, each with its content, and every syntax error.
pub(crate) fn parse(text: &str) -> (Vec<Entry>, Vec<Syntax>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .iter()
        .map(|error| Syntax {
            at: error.span().map(|span| Position::at(text, span.start)),
            message: error.message().replace('\n', ", "),
        })
        .collect();
    (entries(text, table.get_ref()), errors)
}

/// One value in TOML syntax, as an environment variable may carry it; `None` when it is not TOML.
pub(crate) fn parse_value(text: &str) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(node(value.get_ref()))
}

fn entries(text: &str, table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(name, value): (&Spanned<_>, &Spanned<_>)| Entry {
            name: name.get_ref().to_string(),
            name_at: Position::at(text, name.span().start),
            value_at: Position::at(text, value.span().start),
            node: node(value.get_ref()),
            children: value.get_ref().as_table().map(|table| entries(text, table)),
        })
        .collect();
    entries.sort_by_key(|entry| entry.name_at);
    entries
}

fn node(value: &DeValue<'_>) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Node::Other("a number that is too large"), Node::Integer),
        DeValue::Float(_) => Node::Other("a number with a fraction"),
        DeValue::Boolean(value) => Node::Boolean(*value),
        DeValue::Datetime(_) => Node::Other("a date"),
        DeValue::Array(items) => Node::List(items.iter().map(|item| node(item.get_ref())).collect()),
        DeValue::Table(table) => Node::Table(
            table.iter().map(|(name, value)| (name.get_ref().to_string(), node(value.get_ref()))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(Position::at("a = 1\nção = 2", "a = 1\nção".len()), Position { line: 2, column: 4 });
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let (entries, errors) = parse("[z]\na = 1\n[b]\n");
        assert!(errors.is_empty());
        assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["z", "b"]);
    }

    #[test]
    fn every_syntax_error_is_reported() {
        let (_, errors) = parse("[a]\nx = \ny = 1 2\n");
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}

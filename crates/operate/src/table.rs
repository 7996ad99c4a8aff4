//! Answers as tables and lists for people; with `--json` they never come here.

use std::fmt::Write as _;

use pix_stream_development::rfc3339;
use pix_stream_domain::time::Timestamp;
use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// Lists are indented to this column.
const NAME_WIDTH: usize = 12;

/// A table: names of columns, and rows of as many cells.
pub(crate) struct Table<const N: usize> {
    columns: [(&'static str, Side); N],
    rows: Vec<[String; N]>,
}

/// To which side a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl<const N: usize> Table<N> {
    pub(crate) const fn new(columns: [(&'static str, Side); N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Writes it to stdout, its head in bold on a terminal.
    pub(crate) fn show(&self) -> Result<(), Failure> {
        let names = self.columns.map(|(name, _)| name.to_owned());
        let head = self.line(&names);
        output::line(output::paint(output::Style::Strong, &head, output::stdout_has_color()))?;
        self.rows.iter().try_for_each(|row| Ok(output::line(self.line(row))?))
    }

    fn line(&self, row: &[String; N]) -> String {
        let mut text = String::new();
        for (index, (cell, (name, side))) in row.iter().zip(&self.columns).enumerate() {
            let cells = self.rows.iter().map(|row| row[index].chars().count());
            let width = cells.chain([name.len()]).max().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = match side {
                Side::Left => write!(text, "{cell:<width$}  "),
                Side::Right => write!(text, "{cell:>width$}  "),
            };
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// A list of names with what they stand for.
#[derive(Default)]
pub(crate) struct List(String);

impl List {
    pub(crate) fn put(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{name:<NAME_WIDTH$} {value}");
    }

    /// Writes it to stdout.
    pub(crate) fn show(&self) -> Result<(), Failure> {
        Ok(output::text(&self.0)?)
    }
}

/// A point in time for people.
pub(crate) fn time(unix_millis: u64) -> String {
    rfc3339::text(Timestamp::from_unix_millis(unix_millis))
}

/// A number with its noun.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The array under a name; empty where there is none.
pub(crate) fn items<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An answer, or part of one, as we know it.
///
/// # Errors
/// It is of another build that says something else.
pub(crate) fn read<'a, T: serde::Deserialize<'a>>(answer: &'a Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| {
        Failure::new(format_args!("the server's answer is not understood: {error}"))
            .next("is it of the same version?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("ID", Side::Right), ("NAME", Side::Left), ("X", Side::Left)]);
        table.push(["1".to_owned(), "Ação".to_owned(), String::new()]);
        table.push(["1000".to_owned(), "b".to_owned(), "y".to_owned()]);
        assert_eq!(table.line(&table.rows[0]), "   1  Ação");
        assert_eq!(table.line(&table.rows[1]), "1000  b     y");
    }
}

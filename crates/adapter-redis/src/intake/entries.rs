//! Reading what the stream's commands answer.

use bytes::Bytes;
use fred::types::Value;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::Entry;

use crate::answer::{bytes, list, number, pairs, unexpected};

/// The cursor with which a claim of what is pending begins.
pub(super) const START: &str = "0-0";

/// The number of pending entries in what `XPENDING` answers.
pub(super) fn read_pending(value: Value) -> Result<u64, Error> {
    let what = "pending entries";
    number(&list(value, what)?.into_iter().next().unwrap_or(Value::Null), what)
}

/// A list of entries, as all commands answer it.
pub(super) fn read_entries(value: Value) -> Result<Vec<Entry>, Error> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let entries = list(value, "entries")?.into_iter();
    // Some versions of the server answer nil for what was deleted while it was pending.
    entries.filter(|entry| !entry.is_null()).map(read_entry).collect()
}

/// Fields that are missing are empty: whoever validates the entry says so.
fn read_entry(value: Value) -> Result<Entry, Error> {
    let what = "an entry of a stream";
    let mut parts = list(value, what)?.into_iter();
    let id = parts.next().and_then(Value::into_string).ok_or_else(|| unexpected(what))?;
    let mut entry = Entry { id: id.into(), ispb: String::new(), producer: String::new(), xml: Bytes::new() };
    let text = |value: Option<Bytes>| String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
    for (field, value) in pairs(parts.next().unwrap_or(Value::Null), what)? {
        let value = bytes(value, what)?;
        match field.as_bytes() {
            Some(b"ispb") => entry.ispb = text(value),
            Some(b"producer") => entry.producer = text(value),
            Some(b"xml") => entry.xml = value.unwrap_or_default(),
            Some(_) | None => {}
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: impl IntoIterator<Item = Value>) -> Value {
        Value::Array(values.into_iter().collect())
    }

    fn entry() -> Value {
        array(["7-0".into(), array(["xml".into(), "<x/>".into(), "more".into(), "y".into()])])
    }

    #[test]
    fn entries_are_read_and_what_is_gone_is_left_out() {
        let read = Entry {
            id: "7-0".into(),
            ispb: String::new(),
            producer: String::new(),
            xml: Bytes::from_static(b"<x/>"),
        };
        assert_eq!(read_entries(array([Value::Null, entry()])), Ok(vec![read]));
        assert_eq!(read_entries(Value::Null), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_an_entry_is_an_error() {
        assert!(read_entries(Value::Integer(1)).is_err());
        assert!(read_entry(array(["1-0".into(), array(["xml".into()])])).is_err());
    }
}

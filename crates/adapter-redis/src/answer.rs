//! Reading the driver's answers: only the shapes that our commands have.

#![expect(clippy::wildcard_enum_match_arm, reason = "the driver's shapes that no command of ours answers")]

use bytes::Bytes;
use fred::types::Value;
use pix_stream_ports::error::Error;

/// An answer that cannot be.
pub(crate) fn unexpected(what: &str) -> Error {
    Error::Damaged(format!("Redis answered something else than {what}"))
}

/// A list.
pub(crate) fn list(value: Value, what: &str) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(list) => Ok(list),
        _ => Err(unexpected(what)),
    }
}

/// A value, or that there is none.
pub(crate) fn bytes(value: Value, what: &str) -> Result<Option<Bytes>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        Value::String(text) => Ok(Some(text.into_inner())),
        Value::Integer(number) => Ok(Some(Bytes::from(number.to_string()))),
        _ => Err(unexpected(what)),
    }
}

/// A whole number, as number or as digits.
pub(crate) fn number(value: &Value, what: &str) -> Result<u64, Error> {
    let digits = || std::str::from_utf8(value.as_bytes()?).ok()?.parse().ok();
    value.as_u64().or_else(digits).ok_or_else(|| unexpected(what))
}

/// Pairs of a map, or of a list that alternates.
pub(crate) fn pairs(value: Value, what: &str) -> Result<Vec<(Value, Value)>, Error> {
    match value {
        Value::Map(map) => {
            Ok(map.inner().into_iter().map(|(key, value)| (Value::Bytes(key.into_bytes()), value)).collect())
        }
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => {
            let mut pairs = Vec::with_capacity(list.len() / 2);
            let mut list = list.into_iter();
            while let Some(key) = list.next() {
                pairs.push((key, list.next().ok_or_else(|| unexpected(what))?));
            }
            Ok(pairs)
        }
        _ => Err(unexpected(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_three_shapes() {
        for value in [Value::Integer(7), Value::from("7"), Value::Bytes(Bytes::from_static(b"7"))] {
            assert_eq!(number(&value, "it"), Ok(7), "{value:?}");
        }
        assert!(number(&Value::Bytes(Bytes::from_static(b"x")), "it").is_err());
        assert!(number(&Value::Null, "it").is_err());
    }

    #[test]
    fn pairs_are_whole() {
        let list = |n: i64| Value::Array((0..n).map(Value::Integer).collect());
        assert_eq!(pairs(list(4), "it").unwrap().len(), 2);
        assert!(pairs(list(3), "it").is_err());
        assert!(pairs(Value::Integer(1), "it").is_err());
    }
}

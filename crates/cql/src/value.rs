//! Values that are bound to markers, as the protocol writes them (v4, section 6). No codec of arbitrary types:
//! these are the ones that our tables use.

use bytes::Bytes;
use cdrs_tokio::types::value::Value as Wire;

/// A value for one marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing: deletes the cell when written.
    Null,
    /// What is stored stays as it is; for columns that are written, no key among them.
    Unset,
    /// `boolean`.
    Bool(bool),
    /// `int`.
    Int(i32),
    /// `bigint`, `timestamp`.
    BigInt(i64),
    /// `text`, `ascii`.
    Text(String),
    /// `blob`.
    Blob(Bytes),
    /// `uuid`, `timeuuid`.
    Uuid([u8; 16]),
    /// `list<text>`, as for `IN ?`.
    Texts(Vec<String>),
    /// `list<bigint>`, as for `IN ?`.
    BigInts(Vec<i64>),
}

impl Value {
    pub(crate) fn into_wire(self) -> Wire {
        match self {
            Self::Null => Wire::Null,
            Self::Unset => Wire::NotSet,
            Self::Bool(value) => Wire::Some(vec![u8::from(value)]),
            Self::Int(value) => Wire::Some(value.to_be_bytes().to_vec()),
            Self::BigInt(value) => Wire::Some(value.to_be_bytes().to_vec()),
            Self::Text(value) => Wire::Some(value.into_bytes()),
            Self::Blob(value) => Wire::Some(value.into()),
            Self::Uuid(value) => Wire::Some(value.to_vec()),
            Self::Texts(values) => list(values.iter().map(|value| value.as_bytes())),
            Self::BigInts(values) => list(values.iter().map(|value| value.to_be_bytes())),
        }
    }
}

fn list<B: AsRef<[u8]>>(items: impl ExactSizeIterator<Item = B>) -> Wire {
    let mut bytes = length(items.len()).to_vec();
    for item in items {
        let item = item.as_ref();
        bytes.extend_from_slice(&length(item.len()));
        bytes.extend_from_slice(item);
    }
    Wire::Some(bytes)
}

/// Lengths are four bytes with a sign; a server refuses frames far below that limit.
fn length(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::BigInt(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Blob(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value.into())
    }
}

impl From<[u8; 16]> for Value {
    fn from(value: [u8; 16]) -> Self {
        Self::Uuid(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Texts(values)
    }
}

impl From<Vec<i64>> for Value {
    fn from(values: Vec<i64>) -> Self {
        Self::BigInts(values)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_counted_and_each_item_has_its_length() {
        let Wire::Some(bytes) = Value::from(vec!["ab".to_owned(), String::new()]).into_wire() else {
            panic!("a list is a value")
        };
        assert_eq!(bytes, [0, 0, 0, 2, 0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0]);
        let Wire::Some(bytes) = Value::BigInts(vec![1]).into_wire() else { panic!("a list is a value") };
        assert_eq!(bytes, [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn nothing_is_null() {
        assert_eq!(Value::from(None::<i64>), Value::Null);
        assert_eq!(Value::from(Some(7_i32)), Value::Int(7));
    }
}

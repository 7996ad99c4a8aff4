//! How the configuration describes itself: sections made of keys, walked by visitors.
//!
//! A section lists its keys once, in [`Section::visit`]. Reading, printing, the JSON Schema, the documentation and
//! the example file are visitors over that one list, so none of them can know a key that another does not.

use std::ops::RangeInclusive;

use super::value::Value;

/// One key as its section declares it.
pub(crate) struct Key<T> {
    /// The name in the file.
    pub(crate) name: &'static str,
    /// What it does, in full sentences.
    pub(crate) about: &'static str,
    /// The values it may take, where a range says it.
    pub(crate) range: Option<RangeInclusive<T>>,
}

impl<T> Key<T> {
    /// A key that takes every value of its type.
    pub(crate) const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, range: None }
    }

    /// A key that takes the values of a range, both ends included.
    pub(crate) const fn within(name: &'static str, about: &'static str, range: RangeInclusive<T>) -> Self {
        Self { name, about, range: Some(range) }
    }
}

/// Something done with every key.
pub(crate) trait Visitor {
    /// The keys that follow belong to this section.
    fn section(&mut self, name: &'static str, about: &'static str);
    /// One key, and its value: the default before reading, the effective one afterwards.
    fn key<T: Value>(&mut self, key: Key<T>, value: &mut T);
}

/// A section of the file.
pub(crate) trait Section {
    /// Its name in the file.
    const NAME: &'static str;
    /// What it is about, in full sentences.
    const ABOUT: &'static str;
    /// Shows every key to a visitor.
    fn visit(&mut self, visitor: &mut impl Visitor);
}

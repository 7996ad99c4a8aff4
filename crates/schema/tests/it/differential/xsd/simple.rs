//! Simple types: restrictions of a few built-in ones.

use super::source::Tag;
use crate::differential::pattern::Pattern;

/// The built-in types that the schemas of the SPI use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    AnyUri,
    Base64,
    Date,
    DateTime,
    Decimal,
    Id,
    Integer,
    String,
    Time,
}

/// A simple type, with the facets of all its steps.
#[derive(Debug, Clone)]
pub(crate) struct Simple {
    pub(crate) built_in: BuiltIn,
    /// All must match.
    pub(crate) patterns: Vec<Pattern>,
    /// Empty: any.
    pub(crate) enumeration: Vec<String>,
    pub(crate) min_length: usize,
    pub(crate) max_length: Option<usize>,
    pub(crate) total_digits: Option<usize>,
    pub(crate) fraction_digits: Option<usize>,
    /// `minInclusive` is only ever used with zero.
    pub(crate) is_not_negative: bool,
}

impl Simple {
    pub(super) fn built_in(name: &str) -> Self {
        let built_in = match name {
            "anyURI" => BuiltIn::AnyUri,
            "base64Binary" => BuiltIn::Base64,
            "date" => BuiltIn::Date,
            "dateTime" => BuiltIn::DateTime,
            "decimal" => BuiltIn::Decimal,
            "ID" => BuiltIn::Id,
            "integer" => BuiltIn::Integer,
            "string" => BuiltIn::String,
            "time" => BuiltIn::Time,
            other => panic!("this reader does not know xs:{other}"),
        };
        Self {
            built_in,
            patterns: Vec::new(),
            enumeration: Vec::new(),
            min_length: 0,
            max_length: None,
            total_digits: None,
            fraction_digits: None,
            is_not_negative: false,
        }
    }

    pub(super) fn restricted(mut self, restriction: &Tag) -> Self {
        let mut enumeration = Vec::new();
        let mut patterns = Vec::new();
        for facet in &restriction.children {
            let value = facet.attribute("value").unwrap();
            let number = || value.parse::<usize>().unwrap();
            match facet.name.as_str() {
                "enumeration" => enumeration.push(value.to_owned()),
                "fractionDigits" => self.fraction_digits = Some(number()),
                "maxLength" => self.max_length = Some(number()),
                "minInclusive" => self.is_not_negative = number() == 0,
                "minLength" => self.min_length = number(),
                "pattern" => patterns.push(format!("(?:{value})")),
                "totalDigits" => self.total_digits = Some(number()),
                other => panic!("this reader does not know the facet {other}"),
            }
        }
        // Patterns of one step are alternatives; those of several steps must all match.
        if !patterns.is_empty() {
            self.patterns.push(Pattern::new(&patterns.join("|")));
        }
        if !enumeration.is_empty() {
            self.enumeration = enumeration;
        }
        self
    }
}

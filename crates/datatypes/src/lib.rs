//! Simple types of XSD 1.0: the built-in ones of its second edition, and what restrictions make of them.
//!
//! Lists and unions are not here, nor are types whose values point elsewhere (QName, IDREF, ENTITY): schemas that use
//! them are refused. A check of one text allocates nothing unless the text has white space to normalize.

use std::borrow::Cow;

mod binary;
mod built_in;
mod calendar;
mod duration;
mod facets;
mod names;
mod number;
mod pattern;
mod restrict;
mod uri;
mod white_space;

use built_in::{BuiltIn, Kind};
use facets::{Bound, Facets};
use white_space::WhiteSpace;

/// A simple type: a built-in one, or one restricted by facets.
#[derive(Debug, Clone)]
pub struct Simple {
    /// The built-in type it is, or is derived from.
    built_in: BuiltIn,
    white_space: WhiteSpace,
    facets: Facets,
}

/// A facet as a schema writes it.
#[derive(Debug, Clone)]
pub struct Facet {
    /// Which facet.
    pub kind: FacetKind,
    /// Its value, as written.
    pub value: String,
}

/// The twelve facets of XSD 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacetKind {
    /// Exactly so many characters, or bytes of binary types.
    Length,
    /// At least so many.
    MinLength,
    /// At most so many.
    MaxLength,
    /// A regular expression for the whole text.
    Pattern,
    /// One of the values.
    Enumeration,
    /// What becomes of white space before anything is compared.
    WhiteSpace,
    /// The greatest value.
    MaxInclusive,
    /// What every value is less than.
    MaxExclusive,
    /// The least value.
    MinInclusive,
    /// What every value is greater than.
    MinExclusive,
    /// Most digits of a number.
    TotalDigits,
    /// Most digits after the point.
    FractionDigits,
}

/// A value, which is equal to others of any type exactly as the value spaces say: those of different primitive types
/// share no value (part 2, 4.2.1), so the decimal `1` is not the string `1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value<'t> {
    primitive: Kind,
    canonical: Cow<'t, str>,
}

/// Why a text is no value of a type; its text never quotes the value: `does not match [0-9]{1,15}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Simple {
    /// The built-in type of a local name in the XSD namespace.
    ///
    /// # Errors
    /// Why it is not supported, or that there is none.
    pub fn built_in(local: &str) -> Result<Self, String> {
        let built_in = built_in::find(local)?;
        let bound =
            |value: Option<&str>| value.map(|value| Bound { value: value.into(), is_exclusive: false });
        let facets = Facets {
            min: bound(built_in.bounds.0),
            max: bound(built_in.bounds.1),
            fraction_digits: (built_in.kind == Kind::Integer).then_some(0),
            ..Facets::default()
        };
        Ok(Self { built_in, white_space: built_in.white_space(), facets })
    }

    /// The type with facets of one restriction step. Patterns of one step are alternatives, enumerations too.
    ///
    /// # Errors
    /// For each facet that cannot be: its place in `facets`, and why.
    pub fn restrict(&self, facets: &[Facet]) -> Result<Self, Vec<(usize, String)>> {
        restrict::restrict(self, facets)
    }

    /// Whether a text is a value; the text normalized as the type's whiteSpace says.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Refused> {
        let text = self.white_space.normalize(text);
        self.facets.check(self.built_in.name, self.kind(), &text)?;
        Ok(text)
    }

    /// Whether its values must be unique in the document (`xs:ID` and what is derived from it).
    #[must_use]
    pub fn is_id(&self) -> bool {
        self.built_in.name == "ID"
    }

    /// A text that two normalized, valid values of this type share exactly when they are equal in the value space.
    #[must_use]
    pub fn canonical<'t>(&self, normalized: &'t str) -> Cow<'t, str> {
        self.kind().canonical(normalized)
    }

    /// The value of a normalized, valid text.
    #[must_use]
    pub fn value<'t>(&self, normalized: &'t str) -> Value<'t> {
        Value { primitive: self.kind().primitive(), canonical: self.canonical(normalized) }
    }

    fn kind(&self) -> Kind {
        self.built_in.kind
    }
}

impl Value<'_> {
    /// The value, without the text it was read from.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        Value { primitive: self.primitive, canonical: Cow::Owned(self.canonical.into_owned()) }
    }
}

impl FacetKind {
    /// Its name in a schema.
    fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::MinLength => "minLength",
            Self::MaxLength => "maxLength",
            Self::Pattern => "pattern",
            Self::Enumeration => "enumeration",
            Self::WhiteSpace => "whiteSpace",
            Self::MaxInclusive => "maxInclusive",
            Self::MaxExclusive => "maxExclusive",
            Self::MinInclusive => "minInclusive",
            Self::MinExclusive => "minExclusive",
            Self::TotalDigits => "totalDigits",
            Self::FractionDigits => "fractionDigits",
        }
    }
}

#[cfg(test)]
mod tests;

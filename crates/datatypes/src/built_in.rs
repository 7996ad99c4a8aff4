//! The built-in types: what a text must look like, which facets apply, and when two texts are one value.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::calendar::{Form, Moment};
use super::duration::Duration;
use super::number::{self, Decimal};
use super::white_space::WhiteSpace;
use super::{FacetKind, binary, names, uri};

/// What values of a type are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    AnySimple,
    Text,
    Language,
    Name,
    NcName,
    NmToken,
    AnyUri,
    Boolean,
    Decimal,
    Integer,
    Float,
    Double,
    Calendar(Form),
    Duration,
    HexBinary,
    Base64Binary,
}

/// A built-in type.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuiltIn {
    /// Its local name.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Least and greatest value of the derived integers.
    pub(super) bounds: (Option<&'static str>, Option<&'static str>),
}

const fn plain(name: &'static str, kind: Kind) -> BuiltIn {
    BuiltIn { name, kind, bounds: (None, None) }
}

const fn integer(name: &'static str, least: Option<&'static str>, most: Option<&'static str>) -> BuiltIn {
    BuiltIn { name, kind: Kind::Integer, bounds: (least, most) }
}

const BUILT_IN: [BuiltIn; 38] = [
    plain("anySimpleType", Kind::AnySimple),
    plain("string", Kind::Text),
    plain("normalizedString", Kind::Text),
    plain("token", Kind::Text),
    plain("language", Kind::Language),
    plain("Name", Kind::Name),
    plain("NCName", Kind::NcName),
    plain("ID", Kind::NcName),
    plain("NMTOKEN", Kind::NmToken),
    plain("anyURI", Kind::AnyUri),
    plain("boolean", Kind::Boolean),
    plain("decimal", Kind::Decimal),
    plain("float", Kind::Float),
    plain("double", Kind::Double),
    plain("dateTime", Kind::Calendar(Form::DateTime)),
    plain("date", Kind::Calendar(Form::Date)),
    plain("time", Kind::Calendar(Form::Time)),
    plain("gYearMonth", Kind::Calendar(Form::YearMonth)),
    plain("gYear", Kind::Calendar(Form::Year)),
    plain("gMonthDay", Kind::Calendar(Form::MonthDay)),
    plain("gMonth", Kind::Calendar(Form::Month)),
    plain("gDay", Kind::Calendar(Form::Day)),
    plain("duration", Kind::Duration),
    plain("hexBinary", Kind::HexBinary),
    plain("base64Binary", Kind::Base64Binary),
    integer("integer", None, None),
    integer("nonPositiveInteger", None, Some("0")),
    integer("negativeInteger", None, Some("-1")),
    integer("nonNegativeInteger", Some("0"), None),
    integer("positiveInteger", Some("1"), None),
    integer("long", Some("-9223372036854775808"), Some("9223372036854775807")),
    integer("int", Some("-2147483648"), Some("2147483647")),
    integer("short", Some("-32768"), Some("32767")),
    integer("byte", Some("-128"), Some("127")),
    integer("unsignedLong", Some("0"), Some("18446744073709551615")),
    integer("unsignedInt", Some("0"), Some("4294967295")),
    integer("unsignedShort", Some("0"), Some("65535")),
    integer("unsignedByte", Some("0"), Some("255")),
];

/// The type of a local name in the XSD namespace.
///
/// # Errors
/// Why there is none.
pub(super) fn find(local: &str) -> Result<BuiltIn, String> {
    let unsupported =
        ["QName", "NOTATION", "ENTITY", "ENTITIES", "IDREF", "IDREFS", "NMTOKENS"].contains(&local);
    match BUILT_IN.iter().find(|known| known.name == local) {
        Some(known) => Ok(*known),
        None if unsupported => Err(format!("xs:{local} is not supported")),
        None => Err(format!("there is no simple type xs:{local}")),
    }
}

impl BuiltIn {
    pub(super) fn white_space(&self) -> WhiteSpace {
        match self.name {
            "anySimpleType" | "string" => WhiteSpace::Preserve,
            "normalizedString" => WhiteSpace::Replace,
            _ => WhiteSpace::Collapse,
        }
    }
}

impl Kind {
    /// Whether a facet may restrict such types (part 2, 4.1.5).
    pub(super) fn takes(self, facet: FacetKind) -> bool {
        let ordered = match self {
            Self::Decimal | Self::Integer | Self::Float | Self::Double => true,
            Self::Calendar(_) | Self::Duration => true,
            Self::AnySimple | Self::Boolean => false,
            Self::Text | Self::Language | Self::Name | Self::NcName | Self::NmToken => false,
            Self::AnyUri | Self::HexBinary | Self::Base64Binary => false,
        };
        match facet {
            FacetKind::Pattern | FacetKind::WhiteSpace => self != Self::AnySimple,
            FacetKind::Enumeration => !matches!(self, Self::AnySimple | Self::Boolean),
            FacetKind::Length | FacetKind::MinLength | FacetKind::MaxLength => {
                !ordered && !matches!(self, Self::AnySimple | Self::Boolean)
            }
            FacetKind::MaxInclusive
            | FacetKind::MaxExclusive
            | FacetKind::MinInclusive
            | FacetKind::MinExclusive => ordered,
            FacetKind::TotalDigits | FacetKind::FractionDigits => {
                matches!(self, Self::Decimal | Self::Integer)
            }
        }
    }

    /// Whether a normalized text is a value, facets aside.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::AnySimple | Self::Text => true,
            Self::Language => names::is_language(text),
            Self::Name => names::is_name(text),
            Self::NcName => names::is_nc_name(text),
            Self::NmToken => names::is_token(text),
            Self::AnyUri => uri::is_reference(text),
            Self::Boolean => matches!(text, "true" | "false" | "1" | "0"),
            Self::Decimal | Self::Integer => self.decimal(text).is_some(),
            Self::Float => number::float(text).is_some(),
            Self::Double => number::double(text).is_some(),
            Self::Calendar(form) => Moment::parse(form, text).is_some(),
            Self::Duration => Duration::parse(text).is_some(),
            Self::HexBinary => binary::hex_length(text).is_some(),
            Self::Base64Binary => binary::base64_length(text).is_some(),
        }
    }

    /// The number of a decimal or integer; none for other types and other texts.
    pub(super) fn decimal(self, text: &str) -> Option<Decimal<'_>> {
        match self {
            Self::Decimal => Decimal::parse(text),
            Self::Integer => Decimal::parse_integer(text),
            Self::Float | Self::Double | Self::Calendar(_) | Self::Duration => None,
            Self::AnySimple | Self::Boolean | Self::HexBinary | Self::Base64Binary => None,
            Self::Text | Self::Language | Self::Name | Self::NcName | Self::NmToken | Self::AnyUri => None,
        }
    }

    /// How long a value is: bytes of binary types, characters of others.
    pub(super) fn length(self, text: &str) -> usize {
        let bytes = if self == Self::HexBinary {
            binary::hex_length(text)
        } else if self == Self::Base64Binary {
            binary::base64_length(text)
        } else {
            None
        };
        bytes.unwrap_or_else(|| text.chars().count())
    }

    /// What the length counts.
    pub(super) fn unit(self) -> &'static str {
        if matches!(self, Self::HexBinary | Self::Base64Binary) { "byte" } else { "character" }
    }

    /// The order of two valid texts; none for types without one, and where it is open.
    pub(super) fn compare(self, left: &str, right: &str) -> Option<Ordering> {
        match self {
            Self::Decimal | Self::Integer => Some(Decimal::parse(left)?.cmp(&Decimal::parse(right)?)),
            Self::Float => number::float(left)?.partial_cmp(&number::float(right)?),
            Self::Double => number::double(left)?.partial_cmp(&number::double(right)?),
            Self::Calendar(form) => Moment::parse(form, left)?.compare(Moment::parse(form, right)?),
            Self::Duration => Duration::parse(left)?.compare(Duration::parse(right)?),
            Self::AnySimple | Self::Boolean | Self::HexBinary | Self::Base64Binary => None,
            Self::Text | Self::Language | Self::Name | Self::NcName | Self::NmToken | Self::AnyUri => None,
        }
    }

    /// The primitive type; `anySimpleType` counts as string, as which its values are kept.
    pub(super) fn primitive(self) -> Self {
        match self {
            Self::AnySimple | Self::Text | Self::Language | Self::Name | Self::NcName | Self::NmToken => {
                Self::Text
            }
            Self::Decimal | Self::Integer => Self::Decimal,
            Self::AnyUri | Self::Boolean | Self::Float | Self::Double | Self::Calendar(_) => self,
            Self::Duration | Self::HexBinary | Self::Base64Binary => self,
        }
    }

    /// A text that equal values share; the same text if it is no value.
    pub(super) fn canonical(self, text: &str) -> Cow<'_, str> {
        let made = match self {
            Self::AnySimple | Self::Text | Self::Language | Self::Name => None,
            Self::NcName | Self::NmToken | Self::AnyUri => None,
            Self::Boolean => {
                return Cow::Borrowed(match text {
                    "1" => "true",
                    "0" => "false",
                    word => word,
                });
            }
            Self::Decimal | Self::Integer => Decimal::parse(text).map(Decimal::canonical),
            Self::Float => number::float(text).map(number::canonical_float),
            Self::Double => number::double(text).map(number::canonical_float),
            Self::Calendar(form) => Moment::parse(form, text).map(Moment::canonical),
            Self::Duration => Duration::parse(text).map(Duration::canonical),
            Self::HexBinary => return binary::canonical_hex(text),
            Self::Base64Binary => return binary::canonical_base64(text),
        };
        made.map_or(Cow::Borrowed(text), Cow::Owned)
    }
}

#[cfg(test)]
mod tests;

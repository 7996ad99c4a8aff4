//! The facets of a type, and the check of one normalized text against them: cheap ones first.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Refused;
use super::built_in::Kind;
use super::pattern::Pattern;

/// Values that a reason lists.
const LISTED_MAX: usize = 8;

/// What restricts the values of a built-in type, all steps of derivation taken together.
#[derive(Debug, Clone, Default)]
pub(super) struct Facets {
    pub(super) length: Option<usize>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) total_digits: Option<usize>,
    pub(super) fraction_digits: Option<usize>,
    pub(super) min: Option<Bound>,
    pub(super) max: Option<Bound>,
    /// One for each step that has patterns: all must match.
    pub(super) patterns: Vec<Arc<Pattern>>,
    pub(super) enumeration: Option<Arc<Enumeration>>,
}

/// The least or the greatest value.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// Valid and collapsed.
    pub(super) value: Box<str>,
    pub(super) is_exclusive: bool,
}

/// The values that may stand.
#[derive(Debug)]
pub(super) struct Enumeration {
    /// Canonical texts, sorted.
    canonical: Box<[Box<str>]>,
    /// The first of them, as the schema writes and orders them.
    listed: String,
}

impl Facets {
    /// Whether a normalized text is a value of a kind, within these facets.
    pub(super) fn check(&self, name: &str, kind: Kind, text: &str) -> Result<(), Refused> {
        match kind {
            Kind::Decimal | Kind::Integer => self.check_decimal(name, kind, text)?,
            Kind::AnySimple | Kind::Text => (),
            Kind::Language | Kind::Name | Kind::NcName | Kind::NmToken | Kind::AnyUri => {
                self.check_form(name, kind, text)?;
            }
            Kind::Boolean | Kind::Float | Kind::Double | Kind::Calendar(_) | Kind::Duration => {
                self.check_form(name, kind, text)?;
            }
            Kind::HexBinary | Kind::Base64Binary => self.check_form(name, kind, text)?,
        }
        self.check_length(kind, text)?;
        for pattern in &self.patterns {
            if !pattern.matches(text) {
                return Err(Refused(format!("does not match {}", pattern.source())));
            }
        }
        match &self.enumeration {
            Some(enumeration) if !enumeration.holds(kind, text) => {
                Err(Refused(format!("is not one of {}", enumeration.listed)))
            }
            _ => Ok(()),
        }
    }

    fn check_form(&self, name: &str, kind: Kind, text: &str) -> Result<(), Refused> {
        if !kind.accepts(text) {
            return Err(no_value(name));
        }
        self.check_bounds(|bound| kind.compare(text, bound))
    }

    /// The same for decimals, which are read once for their form, digits and bounds.
    fn check_decimal(&self, name: &str, kind: Kind, text: &str) -> Result<(), Refused> {
        let Some(value) = kind.decimal(text) else { return Err(no_value(name)) };
        if let Some(most) = self.total_digits.filter(|most| value.total_digits() > *most) {
            return Err(Refused(format!("has more than {}", count(most, "digit"))));
        }
        if let Some(most) = self.fraction_digits.filter(|most| value.fraction_digits() > *most) {
            return Err(Refused(format!("has more than {} after the point", count(most, "digit"))));
        }
        self.check_bounds(|bound| kind.decimal(bound).map(|bound| value.cmp(&bound)))
    }

    /// Bounds hold only where the order is certain.
    fn check_bounds(&self, order_to: impl Fn(&str) -> Option<Ordering>) -> Result<(), Refused> {
        let sides = [(&self.min, Ordering::Greater, "less"), (&self.max, Ordering::Less, "more")];
        for (bound, inside, beyond) in sides {
            let Some(Bound { value, is_exclusive }) = bound else { continue };
            match order_to(value) {
                Some(order) if order == inside || order == Ordering::Equal && !is_exclusive => (),
                Some(Ordering::Equal) => {
                    let asked = if inside == Ordering::Greater { "more" } else { "less" };
                    return Err(Refused(format!("is not {asked} than {value}")));
                }
                Some(_) => return Err(Refused(format!("is {beyond} than {value}"))),
                None => return Err(Refused(format!("cannot be compared with {value}"))),
            }
        }
        Ok(())
    }

    fn check_length(&self, kind: Kind, text: &str) -> Result<(), Refused> {
        if self.length.is_none() && self.min_length.is_none() && self.max_length.is_none() {
            return Ok(());
        }
        let length = kind.length(text);
        let unit = kind.unit();
        if let Some(exact) = self.length.filter(|exact| length != *exact) {
            return Err(Refused(format!("has not exactly {}", count(exact, unit))));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Err(Refused(format!("has more than {}", count(most, unit))));
        }
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return Err(Refused(format!("has fewer than {}", count(least, unit))));
        }
        Ok(())
    }
}

impl Enumeration {
    /// Of valid, normalized values, in the order of the schema.
    pub(super) fn of(kind: Kind, values: &[String]) -> Self {
        let mut canonical: Vec<Box<str>> = values.iter().map(|value| kind.canonical(value).into()).collect();
        canonical.sort_unstable();
        canonical.dedup();
        let mut listed = values.iter().take(LISTED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        if values.len() > LISTED_MAX {
            listed.push_str(", …");
        }
        Self { canonical: canonical.into(), listed }
    }

    fn holds(&self, kind: Kind, text: &str) -> bool {
        let wanted = kind.canonical(text);
        self.canonical.binary_search_by(|known| (**known).cmp(&*wanted)).is_ok()
    }
}

fn no_value(name: &str) -> Refused {
    Refused(format!("is no xs:{name}"))
}

/// `1 digit`, `2 digits`.
fn count(number: usize, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

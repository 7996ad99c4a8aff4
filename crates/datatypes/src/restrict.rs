//! One step of restriction: facets of a schema added to a type, if they are legal there (part 2, 4.3).

use std::cmp::Ordering;
use std::sync::Arc;

use super::facets::{Bound, Enumeration};
use super::pattern::{Parsed, Pattern};
use super::white_space::WhiteSpace;
use super::{Facet, FacetKind, Simple};

/// The type with the facets of one step.
///
/// # Errors
/// For each facet that cannot be: its place, and why.
pub(super) fn restrict(base: &Simple, facets: &[Facet]) -> Result<Simple, Vec<(usize, String)>> {
    let mut step = Step { base, made: base.clone(), faults: Vec::new() };
    let (mut patterns, mut sources) = (Vec::new(), Vec::new());
    // White space decides how values of enumerations read, so it comes first.
    for late in [false, true] {
        for (at, facet) in facets.iter().enumerate() {
            if (facet.kind != FacetKind::WhiteSpace) != late {
                continue;
            }
            let outcome = match (step.refuse_place(&facets[..at], facet.kind), facet.kind) {
                (Some(reason), _) => Err(reason),
                (None, FacetKind::Enumeration) => Ok(()),
                (None, FacetKind::Pattern) => Parsed::parse(&facet.value).map(|parsed| {
                    patterns.push(parsed);
                    sources.push((at, facet.value.as_str()));
                }),
                (None, _) => step.apply(facet),
            };
            step.faults.extend(outcome.err().map(|reason| (at, reason)));
        }
    }
    step.add_patterns(patterns, &sources);
    step.add_enumeration(facets);
    step.faults.sort_by_key(|(at, _)| *at);
    if step.faults.is_empty() { Ok(step.made) } else { Err(step.faults) }
}

struct Step<'b> {
    base: &'b Simple,
    made: Simple,
    faults: Vec<(usize, String)>,
}

impl Step<'_> {
    /// Why a facet cannot stand here at all, after those before it.
    fn refuse_place(&self, before: &[Facet], kind: FacetKind) -> Option<String> {
        if !self.base.kind().takes(kind) {
            return Some(format!("{} does not apply to xs:{}", kind.name(), self.base.built_in.name));
        }
        let twice = |other: &Facet| match (other.kind, kind) {
            (FacetKind::Pattern | FacetKind::Enumeration, _) => false,
            (FacetKind::MaxInclusive | FacetKind::MaxExclusive, FacetKind::MaxInclusive) => true,
            (FacetKind::MaxInclusive, FacetKind::MaxExclusive) => true,
            (FacetKind::MinInclusive | FacetKind::MinExclusive, FacetKind::MinInclusive) => true,
            (FacetKind::MinInclusive, FacetKind::MinExclusive) => true,
            (FacetKind::Length, FacetKind::MinLength | FacetKind::MaxLength) => true,
            (FacetKind::MinLength | FacetKind::MaxLength, FacetKind::Length) => true,
            (other, kind) => other == kind,
        };
        let earlier = before.iter().find(|other| twice(other))?;
        Some(format!("{} stands beside another {}", kind.name(), earlier.kind.name()))
    }

    fn apply(&mut self, facet: &Facet) -> Result<(), String> {
        match facet.kind {
            FacetKind::Length | FacetKind::MinLength | FacetKind::MaxLength => {
                self.set_length(facet.kind, number(&facet.value)?)
            }
            FacetKind::TotalDigits | FacetKind::FractionDigits => {
                self.set_digits(facet.kind, number(&facet.value)?)
            }
            FacetKind::WhiteSpace => {
                let asked = WhiteSpace::find(WhiteSpace::Collapse.normalize(&facet.value).as_ref())
                    .ok_or("whiteSpace is preserve, replace or collapse")?;
                if asked < self.base.white_space {
                    return Err("whiteSpace is looser than that of the base".to_owned());
                }
                self.made.white_space = asked;
                Ok(())
            }
            FacetKind::MaxInclusive
            | FacetKind::MaxExclusive
            | FacetKind::MinInclusive
            | FacetKind::MinExclusive => self.set_bound(facet.kind, &facet.value),
            FacetKind::Pattern | FacetKind::Enumeration => Ok(()),
        }
    }

    fn set_length(&mut self, kind: FacetKind, asked: usize) -> Result<(), String> {
        let (base, made) = (&self.base.facets, &mut self.made.facets);
        if kind == FacetKind::Length {
            narrower(kind, base.length.is_none_or(|exact| asked == exact))?;
            made.length = Some(asked);
        } else if base.length.is_some() {
            return Err(format!("{} says nothing beside the length of the base", kind.name()));
        } else if kind == FacetKind::MinLength {
            narrower(kind, base.min_length.is_none_or(|least| asked >= least))?;
            made.min_length = Some(asked);
        } else {
            narrower(kind, base.max_length.is_none_or(|most| asked <= most))?;
            made.max_length = Some(asked);
        }
        let least = made.length.max(made.min_length);
        let most = [made.length, made.max_length].into_iter().flatten().min();
        match (least, most) {
            (Some(least), Some(most)) if least > most => {
                Err(format!("{} leaves no length: at least {least}, at most {most}", kind.name()))
            }
            _ => Ok(()),
        }
    }

    fn set_digits(&mut self, kind: FacetKind, asked: usize) -> Result<(), String> {
        let (base, made) = (&self.base.facets, &mut self.made.facets);
        if kind == FacetKind::TotalDigits {
            if asked == 0 {
                return Err("totalDigits is at least 1".to_owned());
            }
            narrower(kind, base.total_digits.is_none_or(|most| asked <= most))?;
            made.total_digits = Some(asked);
        } else {
            narrower(kind, base.fraction_digits.is_none_or(|most| asked <= most))?;
            made.fraction_digits = Some(asked);
        }
        match (made.total_digits, made.fraction_digits) {
            (Some(total), Some(fraction)) if fraction > total => {
                Err(format!("fractionDigits {fraction} is more than totalDigits {total}"))
            }
            _ => Ok(()),
        }
    }

    fn set_bound(&mut self, facet: FacetKind, text: &str) -> Result<(), String> {
        let kind = self.base.kind();
        let value: Box<str> = WhiteSpace::Collapse.normalize(text).as_ref().into();
        if !kind.accepts(&value) {
            return Err(format!("{} is no xs:{}", facet.name(), self.base.built_in.name));
        }
        let is_exclusive = matches!(facet, FacetKind::MaxExclusive | FacetKind::MinExclusive);
        let is_max = matches!(facet, FacetKind::MaxInclusive | FacetKind::MaxExclusive);
        let facets = &self.base.facets;
        let (base, inward) =
            if is_max { (&facets.max, Ordering::Less) } else { (&facets.min, Ordering::Greater) };
        if let Some(base) = base {
            let order = kind.compare(&value, &base.value);
            let is_inside = order == Some(inward)
                || order == Some(Ordering::Equal) && (is_exclusive || !base.is_exclusive);
            narrower(facet, is_inside)?;
        }
        let bound = Some(Bound { value, is_exclusive });
        let facets = &mut self.made.facets;
        if is_max {
            facets.max = bound;
        } else {
            facets.min = bound;
        }
        let (Some(min), Some(max)) = (&facets.min, &facets.max) else { return Ok(()) };
        match kind.compare(&min.value, &max.value) {
            Some(Ordering::Less) => Ok(()),
            Some(Ordering::Equal) if min.is_exclusive == max.is_exclusive => Ok(()),
            _ => Err(format!("{} leaves no value: from {} to {}", facet.name(), min.value, max.value)),
        }
    }

    fn add_patterns(&mut self, parsed: Vec<Parsed>, sources: &[(usize, &str)]) {
        let Some((first, _)) = sources.first() else { return };
        let source = sources.iter().map(|(_, source)| *source).collect::<Vec<_>>().join(" or ");
        match Pattern::compile(&source, parsed) {
            Ok(pattern) => self.made.facets.patterns.push(Arc::new(pattern)),
            Err(reason) => self.faults.push((*first, reason)),
        }
    }

    /// Values must be values of the base.
    fn add_enumeration(&mut self, facets: &[Facet]) {
        let mut values = Vec::new();
        for (at, facet) in facets.iter().enumerate() {
            if facet.kind != FacetKind::Enumeration || !self.base.kind().takes(facet.kind) {
                continue;
            }
            let value = self.made.white_space.normalize(&facet.value);
            match self.base.check(&value) {
                Ok(_) => values.push(value.into_owned()),
                Err(refused) => self.faults.push((at, format!("enumeration: the value {refused}"))),
            }
        }
        if !values.is_empty() {
            self.made.facets.enumeration = Some(Arc::new(Enumeration::of(self.base.kind(), &values)));
        }
    }
}

fn narrower(kind: FacetKind, is_narrower: bool) -> Result<(), String> {
    if is_narrower { Ok(()) } else { Err(format!("{} is looser than that of the base", kind.name())) }
}

/// A count, as facets write it.
fn number(text: &str) -> Result<usize, String> {
    let text = WhiteSpace::Collapse.normalize(text);
    let digits = text.strip_prefix('+').unwrap_or(&text);
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if valid { digits.parse().ok() } else { None };
    number.ok_or_else(|| "the value is no count".to_owned())
}

#[cfg(test)]
mod tests;

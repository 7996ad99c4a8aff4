//! Which restrictions are legal (C.2).

use super::super::tests::{listed, made};
use super::FacetKind::*;
use super::*;

/// Facets that a base takes, or the places of those that it does not.
fn faults(base: &Simple, facets: &[(FacetKind, &str)]) -> Vec<usize> {
    match base.restrict(&listed(facets)) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|(at, _)| at).collect(),
    }
}

#[test]
fn facets_stand_only_where_they_apply() {
    for (base, kind, value) in [
        ("boolean", Enumeration, "true"),
        ("boolean", Length, "1"),
        ("decimal", MaxLength, "3"),
        ("string", MinInclusive, "a"),
        ("string", TotalDigits, "3"),
        ("double", FractionDigits, "3"),
        ("date", Length, "3"),
        ("hexBinary", MaxInclusive, "00"),
        ("anySimpleType", Pattern, "a"),
    ] {
        assert_eq!(faults(&Simple::built_in(base).unwrap(), &[(kind, value)]), [0], "{base} {kind:?}");
    }
}

#[test]
fn restrictions_only_narrow() {
    let text = made("string", &[(MinLength, "2"), (MaxLength, "5"), (WhiteSpace, "replace")]);
    for (kind, value) in [
        (MinLength, "1"),
        (MaxLength, "6"),
        (MinLength, "6"),
        (MaxLength, "1"),
        (Length, "6"),
        (WhiteSpace, "preserve"),
    ] {
        assert_eq!(faults(&text, &[(kind, value)]), [0], "{kind:?} {value}");
    }
    assert!(faults(&text, &[(MinLength, "2"), (MaxLength, "2"), (WhiteSpace, "collapse")]).is_empty());
    let number = made(
        "decimal",
        &[(TotalDigits, "5"), (FractionDigits, "2"), (MinInclusive, "0"), (MaxExclusive, "9")],
    );
    for (kind, value) in [
        (TotalDigits, "6"),
        (TotalDigits, "1"),
        (TotalDigits, "0"),
        (FractionDigits, "3"),
        (MinInclusive, "-1"),
        (MinExclusive, "-1"),
        (MaxInclusive, "9"),
        (MaxInclusive, "10"),
        (MaxExclusive, "10"),
        (MinInclusive, "9"),
        (MaxInclusive, "-1"),
    ] {
        assert_eq!(faults(&number, &[(kind, value)]), [0], "{kind:?} {value}");
    }
    for (kind, value) in
        [(MinExclusive, "0"), (MinInclusive, "0.0"), (MaxExclusive, "9.00"), (MaxInclusive, "0")]
    {
        assert!(faults(&number, &[(kind, value)]).is_empty(), "{kind:?} {value}");
    }
    assert_eq!(faults(&Simple::built_in("byte").unwrap(), &[(MaxInclusive, "128")]), [0]);
    assert_eq!(faults(&Simple::built_in("integer").unwrap(), &[(FractionDigits, "1")]), [0]);
}

#[test]
fn values_of_facets_are_read_as_their_type() {
    let decimal = Simple::built_in("decimal").unwrap();
    for (kind, value) in [(MinInclusive, "a"), (TotalDigits, "-1"), (TotalDigits, "1.0"), (Enumeration, "x")]
    {
        assert_eq!(faults(&decimal, &[(kind, value)]), [0], "{kind:?} {value}");
    }
    let text = Simple::built_in("string").unwrap();
    for (kind, value) in [(MaxLength, ""), (MaxLength, "ten"), (WhiteSpace, "trim"), (Pattern, "(")] {
        assert_eq!(faults(&text, &[(kind, value)]), [0], "{kind:?} {value}");
    }
    assert!(faults(&text, &[(MaxLength, " +010 ")]).is_empty());
}

#[test]
fn facets_stand_once_but_patterns_and_enumerations() {
    let text = Simple::built_in("string").unwrap();
    assert_eq!(faults(&text, &[(MaxLength, "3"), (MaxLength, "3")]), [1]);
    assert_eq!(faults(&text, &[(Length, "3"), (MinLength, "1")]), [1]);
    assert_eq!(faults(&made("string", &[(Length, "3")]), &[(MaxLength, "3")]), [0]);
    assert!(
        faults(&text, &[(Pattern, "a"), (Pattern, "b"), (Enumeration, "a"), (Enumeration, "a")]).is_empty()
    );
    let decimal = Simple::built_in("decimal").unwrap();
    assert_eq!(faults(&decimal, &[(MaxInclusive, "3"), (MaxExclusive, "3")]), [1]);
    assert_eq!(faults(&decimal, &[(MinExclusive, "3"), (MinInclusive, "3")]), [1]);
    assert_eq!(faults(&decimal, &[(MaxLength, "3"), (MinInclusive, "x"), (Pattern, "[")]), [0, 1, 2]);
}

#[test]
fn enumerations_hold_values_of_the_base() {
    let base = made("string", &[(MaxLength, "2"), (Pattern, "[a-z]*")]);
    assert_eq!(faults(&base, &[(Enumeration, "a"), (Enumeration, "abc"), (Enumeration, "1")]), [1, 2]);
}

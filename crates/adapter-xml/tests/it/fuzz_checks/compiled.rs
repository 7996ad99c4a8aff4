//! Schemas made up by a fuzzer: compiled twice, and walked where they compile.

use pix_stream_schema::{Attribute, Prefixes, Problem, Schemas, Source, Validator};

/// A schema that others may import.
const SIGNATURE: &str = include_str!("../../../schemas/xmldsig.xsd");
const BYTES_MAX: usize = 64 * 1024;
/// Files of one folder.
const FILES_MAX: usize = 4;
/// Problems that are told, and the line that counts the rest.
const PROBLEMS_MAX: usize = 101;
/// Names of a schema that are tried as elements, each in each.
const NAMES_MAX: usize = 12;
/// Texts that are tried as values of everything.
const TEXTS: [&str; 8] = ["", " ", "1", "-0.50", "true", "2026-02-28", "QUJD", "𝄞 é"];
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Files, with NUL bytes between them, as a folder.
pub(super) fn folder(input: &[u8]) {
    if input.len() > BYTES_MAX {
        return;
    }
    let sources: Vec<Source> = input
        .split(|byte| *byte == 0)
        .take(FILES_MAX)
        .zip('a'..)
        .map(|(bytes, name)| Source { name: format!("{name}.xsd"), bytes: bytes.to_vec() })
        .collect();
    let text = String::from_utf8_lossy(input);
    let fallback = if text.contains("xmldsig#") { vec![signature()] } else { Vec::new() };
    let [once, again] = [(), ()].map(|()| Schemas::compile(&sources, &fallback));
    match (once, again) {
        (Ok(once), Ok(again)) => walk_both(&once, &again, &text),
        (Err(once), Err(again)) => {
            assert_eq!(once, again, "the problems are the same");
            have_their_form(&once, &sources);
        }
        (Ok(_), Err(problems)) | (Err(problems), Ok(_)) => panic!("one of two attempts fails: {problems:?}"),
    }
}

fn signature() -> Source {
    Source { name: "xmldsig.xsd".to_owned(), bytes: SIGNATURE.as_bytes().to_vec() }
}

fn have_their_form(problems: &[Problem], sources: &[Source]) {
    assert!((1..=PROBLEMS_MAX).contains(&problems.len()), "{} problems", problems.len());
    for one in problems {
        let source = sources.iter().find(|source| source.name == one.file);
        // The fallback is ours; nothing is wrong with it.
        let bytes = &source.unwrap_or_else(|| panic!("names one of the files: {one}")).bytes;
        let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
        assert!((1..=lines).contains(&one.line) && one.column >= 1, "{one} of {lines} lines");
        assert!(!one.reason.is_empty(), "{one:?}");
    }
}

/// No prefix but those that a schema itself has.
struct NoPrefixes;

impl Prefixes for NoPrefixes {
    fn find(&self, _prefix: &str) -> Option<&str> {
        None
    }
}

fn walk_both(once: &Schemas, again: &Schemas, text: &str) {
    let names = quoted_after(text, "name");
    let namespaces = quoted_after(text, "targetNamespace");
    let namespace = namespaces.first().copied().unwrap_or_default();
    for outer in &names {
        for value in TEXTS {
            let [one, other] = [once, again].map(|schemas| walk(schemas, namespace, outer, &names, value));
            assert_eq!(one, other, "the verdict is stable: {outer}");
        }
    }
}

/// Every name in one element, twice; gives what was found.
fn walk(schemas: &Schemas, namespace: &str, outer: &str, names: &[&str], text: &str) -> Vec<String> {
    let mut validator = Validator::new(schemas);
    let nil = [Attribute { namespace: INSTANCE, local: "nil", value: text }];
    let mut found = Vec::new();
    let mut take = |validator: &mut Validator<'_>| {
        let faults = validator.take_faults();
        found.extend(faults.iter().map(|fault| format!("{fault:?}")));
    };
    validator.start(namespace, outer, [].into_iter(), &NoPrefixes);
    validator.text(text);
    take(&mut validator);
    for name in names.iter().chain(names) {
        let attribute = [Attribute { namespace: "", local: name, value: text }];
        validator.start(namespace, name, attribute.into_iter(), &NoPrefixes);
        take(&mut validator);
        validator.start(namespace, outer, nil.into_iter(), &NoPrefixes);
        validator.text(text);
        validator.end();
        validator.text(text);
        validator.end();
        take(&mut validator);
    }
    validator.end();
    take(&mut validator);
    found
}

/// What stands in quotes behind an attribute's name, the first few.
fn quoted_after<'t>(text: &'t str, attribute: &str) -> Vec<&'t str> {
    let mut found: Vec<&str> = Vec::new();
    for (at, _) in text.match_indices(attribute) {
        let rest = text[at + attribute.len()..].strip_prefix('=').unwrap_or_default();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let value = quote.and_then(|quote| rest[1..].split(quote).next());
        if let Some(value) = value.filter(|value| !found.contains(value) && found.len() < NAMES_MAX) {
            found.push(value);
        }
    }
    found
}

/// A pattern, a NUL byte, and a text.
pub(super) fn pattern(input: &[u8]) {
    const TOGETHER_MAX: usize = 1024;
    let Some((pattern, text)) = std::str::from_utf8(input).ok().and_then(|input| input.split_once('\0'))
    else {
        return;
    };
    if input.len() > TOGETHER_MAX || pattern.chars().any(|c| !is_xml(c)) {
        return;
    }
    let Ok(alone) = matches(&[pattern.to_owned()], text) else { return };
    let is_plain = !pattern.is_empty() && pattern.chars().all(char::is_alphanumeric);
    assert!(
        !is_plain || alone[0] == (pattern == text),
        "letters and digits stand for themselves: {pattern:?}"
    );
    let is_empty_too = alone[0] || text.is_empty();
    let is_line_too = alone[0] || !text.contains(['\n', '\r']) || text.chars().all(is_blank);
    let wrapped = [
        (pattern.to_owned(), alone[0]),
        (format!("({pattern})"), alone[0]),
        (format!("({pattern}){{1}}"), alone[0]),
        (format!("{pattern}|{pattern}"), alone[0]),
        (format!("({pattern})?"), is_empty_too),
        (format!(".*|{pattern}|\\s*"), is_line_too),
    ];
    let patterns = wrapped.clone().map(|(pattern, _)| pattern);
    // What is written twice may be too large where it was not.
    if let Ok(found) = matches(&patterns, text) {
        for ((wrapped, expected), found) in wrapped.into_iter().zip(found) {
            assert_eq!(found, expected, "{wrapped:?} and {pattern:?} on {text:?}");
        }
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Which of the patterns a text matches, by a schema with an element for each.
fn matches(patterns: &[String], text: &str) -> Result<Vec<bool>, Vec<Problem>> {
    let element = |(at, pattern): (usize, &String)| {
        let escaped: String = pattern.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        format!(
            "<xs:element name='E{at}'><xs:simpleType><xs:restriction base='xs:string'>\
             <xs:pattern value='{escaped}'/></xs:restriction></xs:simpleType></xs:element>"
        )
    };
    let elements: String = patterns.iter().enumerate().map(element).collect();
    let schema = format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:p'>{elements}</xs:schema>"
    );
    let source = Source { name: "p.xsd".to_owned(), bytes: schema.into_bytes() };
    let schemas = Schemas::compile(&[source], &[])?;
    let is_match = |at: usize| {
        let mut validator = Validator::new(&schemas);
        validator.start("urn:p", &format!("E{at}"), [].into_iter(), &NoPrefixes);
        validator.text(text);
        validator.end();
        let faults = validator.take_faults();
        assert!(faults.len() <= 1 && faults.iter().all(|fault| fault.reason.contains("match")), "{faults:?}");
        faults.is_empty()
    };
    Ok((0..patterns.len()).map(is_match).collect())
}

//! A look over the markup before the reader starts, for what the reader would let through or notice too late.
//!
//! It is no parser: whatever it does not understand it leaves to the reader. It exists because a message that our
//! reader takes and a client's does not would block that client's stream for good.

use crate::fault::Fault;
use crate::limits::Limits;

/// What `<` may open that is no tag, and what closes it.
const SECTIONS: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Which elements declare namespaces: their numbers in the order of their tags, from 0.
pub(super) type Declaring = Vec<usize>;

/// Which elements declare namespaces, or the first fault and the byte at which it stands.
///
/// Elements are counted here because counting is cheap and reading is not: a message of too many costs no more than
/// this look.
pub(super) fn check(text: &str, limits: &Limits) -> Result<Declaring, (Fault, usize)> {
    check_declaration(text).map_err(|fault| (fault, 0))?;
    let (mut at, mut elements, mut declaring) = (0, 0, Declaring::new());
    while let Some(found) = find(&text.as_bytes()[at..], b'<') {
        at += found;
        let rest = &text[at..];
        at += match rest.as_bytes().get(1) {
            Some(b'/') => closing_tag_length(rest).map_err(|within| (Fault::Malformed, at + within))?,
            // The reader tells only after it has expanded the entities, which is where the bombs are.
            Some(b'!') if rest.starts_with("<!DOCTYPE") => return Err((Fault::Doctype, at)),
            Some(b'?') if !target(rest).is_ascii() => return Err((Fault::Name, at)),
            Some(b'!' | b'?') if let Some((open, close)) = find_section(rest) => {
                match rest[open.len()..].find(close) {
                    Some(length) => open.len() + length + close.len(),
                    // What does not end is for the reader to refuse.
                    None => return Ok(declaring),
                }
            }
            Some(_) | None => {
                let tag = tag(rest, limits.prefixes).map_err(|(fault, within)| (fault, at + within))?;
                if tag.declares {
                    declaring.push(elements);
                }
                elements += 1;
                if elements > limits.elements {
                    return Err((Fault::Elements(limits.elements), at));
                }
                tag.length
            }
        };
    }
    Ok(declaring)
}

/// What the reader reads too loosely in the XML declaration (XML 1.0, productions 23 to 32): it takes `v:ersion` for
/// `version`, resolves references, and takes every `1.x` for 1.0.
fn check_declaration(text: &str) -> Result<(), Fault> {
    let declaration = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let Some((declaration, _)) = declaration.filter(|(inside, _)| inside.starts_with(BLANKS)) else {
        return Ok(());
    };
    if declaration.contains([':', '&']) {
        return Err(Fault::Malformed);
    }
    let version = declaration.trim_start_matches(BLANKS).strip_prefix("version");
    let version = version.and_then(|rest| rest.trim_start_matches(BLANKS).strip_prefix('='));
    let is_other = |rest: &str| !["\"1.0\"", "'1.0'"].iter().any(|wanted| rest.starts_with(wanted));
    // What is no version at all is for the reader to refuse.
    if version.is_some_and(|rest| is_other(rest.trim_start_matches(BLANKS))) {
        Err(Fault::Version)
    } else {
        Ok(())
    }
}

/// The target of the instruction that `text` starts with.
fn target(text: &str) -> &str {
    let inside = text.strip_prefix("<?").unwrap_or(text);
    inside.split(BLANKS).next().and_then(|word| word.split("?>").next()).unwrap_or_default()
}

/// Where a byte is first. Tags and their gaps are short: a loop is done before a search for long texts has begun.
fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

fn find_section(text: &str) -> Option<(&'static str, &'static str)> {
    SECTIONS.into_iter().find(|(open, _)| text.starts_with(open))
}

/// Length of the closing tag that `text` starts with, or where another tag starts in it.
fn closing_tag_length(text: &str) -> Result<usize, usize> {
    let within = text.as_bytes()[1..].iter().position(|byte| matches!(byte, b'<' | b'>'));
    match within {
        Some(within) if text.as_bytes()[within + 1] == b'<' => Err(within + 1),
        Some(within) => Ok(within + 2),
        None => Ok(text.len()),
    }
}

/// A tag that opens an element.
struct Tag {
    length: usize,
    /// Whether it declares a namespace.
    declares: bool,
}

/// The tag that `text` starts with, or its fault and where in it.
///
/// In an attribute's value the reader takes `</`, `<!--` and `<![CDATA[` for text, while XML allows no `<` there at
/// all; and of two declarations of one prefix it keeps the first in silence, where other readers refuse both.
fn tag(text: &str, prefixes_max: usize) -> Result<Tag, (Fault, usize)> {
    let bytes = text.as_bytes();
    let (mut at, mut behind_value) = (1, 0);
    let mut declared = Vec::new();
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'<' | b'>' | b'"' | b'\'')) {
        // Names beyond ASCII differ between editions of XML, and no message needs them.
        if let Some(within) = bytes[at..at + found].iter().position(|byte| !byte.is_ascii()) {
            return Err((Fault::Name, at + within));
        }
        at += found;
        let quote = match bytes[at] {
            b'<' => return Err((Fault::Malformed, at)),
            b'>' => return Ok(Tag { length: at + 1, declares: !declared.is_empty() }),
            quote => quote,
        };
        if let Some(name) = find_declared(&text[behind_value..at]) {
            if declared.contains(&name) {
                return Err((Fault::RepeatedAttribute, at));
            }
            // The default namespace is not a prefix.
            if declared.len() > prefixes_max {
                return Err((Fault::Prefixes(prefixes_max), at));
            }
            declared.push(name);
        }
        let value = bytes[at + 1..].iter().position(|byte| *byte == quote || *byte == b'<');
        let Some(length) = value else { break };
        at += 1 + length;
        if bytes[at] == b'<' {
            return Err((Fault::Malformed, at));
        }
        at += 1;
        behind_value = at;
    }
    Ok(Tag { length: text.len(), declares: !declared.is_empty() })
}

/// The attribute that `before`, which ends where a value begins, declares a namespace by: `xmlns` or `xmlns:p`.
fn find_declared(before: &str) -> Option<&str> {
    let name = before.trim_end_matches(BLANKS).strip_suffix('=')?.trim_end_matches(BLANKS);
    name.rsplit(BLANKS).next().filter(|name| name.starts_with("xmlns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), (Fault, usize)> {
        super::check(text, &Limits::default()).map(drop)
    }

    #[test]
    fn elements_are_counted_before_they_are_read() {
        let limits = Limits { elements: 2, ..Limits::default() };
        let check = |text| super::check(text, &limits);
        assert_eq!(check("<!-- <a/> --><a><b/><![CDATA[<c>]]></a><?d <e>?>"), Ok(vec![]));
        assert_eq!(check("<a><b/><c></a>"), Err((Fault::Elements(2), 7)));
    }

    #[test]
    fn less_than_in_a_tag_is_found_where_it_stands() {
        assert_eq!(check("<a b=\"</\"/>"), Err((Fault::Malformed, 6)));
        assert_eq!(check("<a b='<!-- '/> -->"), Err((Fault::Malformed, 6)));
        assert_eq!(check("<a <b/>"), Err((Fault::Malformed, 3)));
    }

    #[test]
    fn a_namespace_declared_twice_is_found() {
        for (tag, at) in [("<a xmlns='u' xmlns='v'/>", 19), ("<a\nxmlns:p = \"u\"\txmlns:p\r=\"v\"/>", 26)] {
            assert_eq!(check(tag), Err((Fault::RepeatedAttribute, at)));
        }
        assert_eq!(check("<a xmlns='u' xmlns:p='u' b='xmlns:p=' c=\"xmlns:p='u'\"/>"), Ok(()));
        let nine: String = (0..9).map(|n| format!(" xmlns:n{n}=''")).collect();
        assert_eq!(check(&format!("<a{nine}>")), Ok(()));
        assert!(matches!(check(&format!("<a xmlns=''{nine}>")), Err((Fault::Prefixes(8), _))));
    }

    #[test]
    fn elements_that_declare_namespaces_are_numbered() {
        let text =
            "<?p?><a xmlns=''><!--<b xmlns=''>--><b c='xmlns='/><c d='' xmlns:e = 'f'></c ><g></g></a>";
        assert_eq!(super::check(text, &Limits::default()), Ok(vec![0, 2]));
        assert_eq!(check("<a></a <b>"), Err((Fault::Malformed, 7)));
    }

    #[test]
    fn a_document_type_is_found_outside_comments_cdata_and_instructions_only() {
        assert_eq!(check("<?xml version=\"1.0\"?>\n<!-- x --><!DOCTYPE a>"), Err((Fault::Doctype, 32)));
        assert_eq!(check("<?p <!DOCTYPE a> ?><!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>"), Ok(()));
    }

    #[test]
    fn what_is_right_or_not_understood_is_left_to_the_reader() {
        for text in [
            "",
            "<",
            "<a",
            "<a b=\">'\" c='\"'>x</a>",
            "<!-- <",
            "<![CDATA[<",
            "<? <",
            "a > b",
            "<!x>",
            "<!-->",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}

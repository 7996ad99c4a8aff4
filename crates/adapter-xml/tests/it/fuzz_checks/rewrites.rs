//! The same message, written otherwise: what XML says makes no difference (XML 1.0, sections 2.4 to 2.11, 3.1, 4.1).

use std::ops::Range;

/// The pieces of a well-formed message.
#[derive(Default)]
struct Pieces {
    /// Tags, from `<` to behind `>`.
    tags: Vec<Range<usize>>,
    /// Texts between them, without references and without `]]>`.
    texts: Vec<Range<usize>>,
}

impl Pieces {
    fn of(xml: &str) -> Self {
        const SECTIONS: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        let (mut pieces, mut at) = (Self::default(), 0);
        while at < xml.len() {
            let rest = &xml[at..];
            let section = SECTIONS.iter().find(|(open, _)| rest.starts_with(open));
            let length = if let Some((open, close)) = section {
                rest[open.len()..].find(close).map_or(rest.len(), |end| open.len() + end + close.len())
            } else if rest.starts_with('<') {
                let length = tag_length(rest);
                pieces.tags.push(at..at + length);
                length
            } else {
                let length = rest.find('<').unwrap_or(rest.len());
                let is_inside = !pieces.tags.is_empty() && length < rest.len();
                if is_inside && !rest[..length].contains(['&', '>']) {
                    pieces.texts.push(at..at + length);
                }
                length
            };
            at += length;
        }
        pieces
    }
}

fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return at + 1,
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// A few of many: one input alone need not try them all.
pub(super) fn few(mut rewritten: Vec<String>, place: usize) -> Vec<String> {
    const FEW: usize = 3;
    let first = place % rewritten.len().max(1);
    rewritten.rotate_left(first);
    rewritten.truncate(FEW);
    rewritten
}

/// Every other writing that must get the same verdict, each changed at the given place.
pub(super) fn all(xml: &str, place: usize) -> Vec<String> {
    let mut found = canonical(xml, place);
    let pieces = Pieces::of(xml);
    if let Some(tag) = pick(&pieces.tags, place) {
        found.push(inserted(xml, tag.end, "<?p d?>"));
    }
    found
}

/// Every other writing with the same canonical form (Canonical XML, section 1.1).
pub(super) fn canonical(xml: &str, place: usize) -> Vec<String> {
    let pieces = Pieces::of(xml);
    let mut found = vec![format!("{xml}\n \t<!-- end -->\n")];
    if let Some(tag) = pick(&pieces.tags, place) {
        found.push(inserted(xml, tag.end, "<!-- <c> -->"));
        let is_empty = xml[tag.clone()].ends_with("/>");
        found.push(inserted(xml, tag.end - if is_empty { 2 } else { 1 }, "\n "));
        let opens = !xml[tag.clone()].starts_with("</");
        let prefixes = xml.matches("xmlns:").count();
        if opens && prefixes < 4 && !xml[tag.clone()].contains("xmlns:u9") {
            found.push(inserted(xml, tag.end - if is_empty { 2 } else { 1 }, " xmlns:u9='urn:unused'"));
        }
    }
    found.extend(text_rewrites(xml, &pieces, place));
    let empty: Vec<_> =
        pieces.tags.iter().filter(|tag| xml[(*tag).clone()].ends_with("/>")).cloned().collect();
    if let Some(tag) = pick(&empty, place) {
        let name = xml[tag.start + 1..tag.end - 2].split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        found.push(format!("{}></{name}>{}", &xml[..tag.end - 2], &xml[tag.end..]));
    }
    if !xml.contains('\r') {
        found.push(xml.replace('\n', "\r\n"));
        found.push(xml.replace('\n', "\r"));
    }
    if let Some(declaration) = xml.strip_prefix("<?xml ").and_then(|rest| rest.split_once("?>")) {
        found.push(declaration.1.trim_start_matches(['\r', '\n']).to_owned());
    }
    found
}

fn text_rewrites(xml: &str, pieces: &Pieces, place: usize) -> Vec<String> {
    let Some(text) = pick(&pieces.texts, place) else { return Vec::new() };
    let (before, inside, behind) = (&xml[..text.start], &xml[text.clone()], &xml[text.end..]);
    let mut found = vec![
        format!("{before}<![CDATA[{inside}]]>{behind}"),
        format!("{before}<![CDATA[]]>{inside}<![CDATA[]]>{behind}"),
    ];
    if let Some((at, written)) = inside.char_indices().nth(place % inside.chars().count().max(1))
        && !written.is_whitespace()
    {
        let (before, behind) = (&xml[..text.start + at], &xml[text.start + at + written.len_utf8()..]);
        let number = u32::from(written);
        found.push(format!("{before}&#{number};{behind}"));
        found.push(format!("{before}&#x{number:x};{behind}"));
        found.push(format!("{before}<!-- -->{written}{behind}"));
        found.push(format!("{before}<![CDATA[{written}]]>{behind}"));
    }
    found
}

fn pick(ranges: &[Range<usize>], place: usize) -> Option<Range<usize>> {
    ranges.get(place.checked_rem(ranges.len())?).cloned()
}

fn inserted(xml: &str, at: usize, piece: &str) -> String {
    format!("{}{piece}{}", &xml[..at], &xml[at..])
}

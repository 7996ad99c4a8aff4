//! Messages made from a fixture by edits that the input spells: `fixture, place, place, edits…`.
//!
//! The corpus depends on the order of fixtures, edits and pieces here: append, do not insert.

use std::ops::Range;

const FIXTURES: [&str; 16] = [
    include_str!("../../../../../fixtures/xml/pacs.008/one.xml"),
    include_str!("../../../../../fixtures/xml/pacs.008/split-tax.xml"),
    include_str!("../../../../../fixtures/xml/pacs.002/rjct.xml"),
    include_str!("../../../../../fixtures/xml/pacs.004/fraud.xml"),
    include_str!("../../../../../fixtures/xml/camt.052/report.xml"),
    include_str!("../../../../../fixtures/xml/camt.053/balance.xml"),
    include_str!("../../../../../fixtures/xml/camt.054/entry.xml"),
    include_str!("../../../../../fixtures/xml/camt.060/request.xml"),
    include_str!("../../../../../fixtures/xml/admi.002/rejected.xml"),
    include_str!("../../../../../fixtures/xml/admi.004/notice.xml"),
    include_str!("../../../../../fixtures/xml/pibr.001/echo.xml"),
    include_str!("../../../../../fixtures/xml/pain.013/recurring.xml"),
    include_str!("../../../../../fixtures/xml/edge/prefixed.xml"),
    include_str!("../../../../../fixtures/xml/edge/cdata.xml"),
    include_str!("../../../../../fixtures/xml/edge/pretty.xml"),
    include_str!("../../../../../fixtures/xml/edge/entities.xml"),
];

/// A message whose digests are right.
const SIGNED: &str = include_str!("signed.xml");

/// What an edit may put somewhere.
const PIECES: [&str; 48] = [
    "",
    " ",
    "\n",
    "\t",
    "\r\n",
    "<",
    ">",
    "</",
    "/>",
    "&",
    ";",
    "&amp;",
    "&lt;",
    "&#10;",
    "&#x20;",
    "&#128512;",
    "<![CDATA[",
    "]]>",
    "<![CDATA[ ]]>",
    "<!--",
    "-->",
    "<!-- x -->",
    "<?p d?>",
    "?>",
    "<a/>",
    "</a>",
    "<a>x</a>",
    "é",
    "😀",
    "x",
    "0",
    "00000000.00",
    "-1",
    "1e3",
    "999999999999999999.99",
    "2026-02-30",
    "24:00:00",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00-14:00",
    "NaN",
    " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'",
    " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='x'",
    " xmlns='urn:x'",
    " xmlns=''",
    " Ccy='BRL'",
    " Id='key-info-id'",
    "<Sgntr/>",
    "<AppHdr/>",
];

/// Most edits of one input: enough to get anywhere, few enough to stay near a message.
const EDITS_MAX: usize = 32;
/// Bytes after which nothing is added: doubling would pass every limit at once.
const BYTES_MAX: usize = 300 * 1024;

/// An edited fixture, and where a rewriting may begin.
pub(super) struct Edited {
    pub(super) xml: Vec<u8>,
    pub(super) place: usize,
}

/// What the input spells; none if it is too short.
pub(super) fn edited(input: &[u8]) -> Option<Edited> {
    let (&fixture, rest) = input.split_first()?;
    apply(FIXTURES[usize::from(fixture) % FIXTURES.len()], rest)
}

/// As [`edited`], half of them from a message whose digests are right.
pub(super) fn edited_signed(input: &[u8]) -> Option<Edited> {
    let (&fixture, rest) = input.split_first()?;
    if fixture < 128 { apply(SIGNED, rest) } else { edited(input) }
}

fn apply(fixture: &str, input: &[u8]) -> Option<Edited> {
    let mut input = Input(input);
    let place = input.number()?;
    let mut xml = fixture.as_bytes().to_vec();
    for _ in 0..EDITS_MAX {
        if input.0.is_empty() || xml.len() > BYTES_MAX || edit(&mut xml, &mut input).is_none() {
            break;
        }
    }
    Some(Edited { xml, place })
}

/// One edit: what, where, and what else it needs. None when the input ends in it.
fn edit(xml: &mut Vec<u8>, input: &mut Input<'_>) -> Option<()> {
    let (what, place) = (input.byte()?, input.number()?);
    let tags = tags(xml);
    let tag = pick(&tags, place).unwrap_or(0..0);
    let any = place % (xml.len() + 1);
    let element = element(xml, &tags, tag.clone());
    match what % 14 {
        0 => insert(xml, any, input.piece()?),
        1 => insert(xml, tag.end, input.piece()?),
        2 => insert(xml, (tag.start + name_length(&xml[tag])).min(xml.len()), input.piece()?),
        3 => {
            let text = text_behind(xml, tag.end);
            drop(xml.splice(text, input.piece()?.bytes()));
        }
        4 => drop(xml.drain(element)),
        5 => repeat(xml, element, usize::from(input.byte()? % 16)),
        6 => {
            let moved: Vec<u8> = xml.drain(element).collect();
            let to = pick(&self::tags(xml), input.number()?).unwrap_or(0..0).end;
            drop(xml.splice(to..to, moved));
        }
        7 => drop(xml.drain(tag)),
        8 => {
            let other = pick(&tags, input.number()?).unwrap_or(0..0);
            let copy = xml[other].to_vec();
            drop(xml.splice(tag, copy));
        }
        9 => xml.truncate(any),
        10 => {
            let byte = input.byte()?;
            if let Some(there) = xml.get_mut(any) {
                *there = byte;
            }
        }
        11 => {
            let text = text_behind(xml, tag.end);
            drop(xml.splice(text, input.bytes()?.iter().copied()));
        }
        12 => {
            let text = text_behind(xml, tag.end);
            repeat(xml, text, usize::from(input.byte()?));
        }
        _ => drop(xml.splice(any..any, input.bytes()?.iter().copied())),
    }
    Some(())
}

fn insert(xml: &mut Vec<u8>, at: usize, piece: &str) {
    drop(xml.splice(at..at, piece.bytes()));
}

/// Repeats a piece as often as the message stays near [`BYTES_MAX`], and once over it.
fn repeat(xml: &mut Vec<u8>, range: Range<usize>, times: usize) {
    let room = BYTES_MAX.saturating_sub(xml.len()) / range.len().max(1);
    let copy = xml[range.clone()].repeat(times.min(room + 1));
    drop(xml.splice(range.end..range.end, copy));
}

/// Whatever stands between `<` and `>`: after some edits, no longer tags only.
fn tags(xml: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut open) = (Vec::new(), None);
    for (at, byte) in xml.iter().enumerate() {
        match (byte, open) {
            (b'<', _) => open = Some(at),
            (b'>', Some(start)) => {
                found.push(start..at + 1);
                open = None;
            }
            _ => {}
        }
    }
    found
}

fn pick(ranges: &[Range<usize>], place: usize) -> Option<Range<usize>> {
    ranges.get(place.checked_rem(ranges.len())?).cloned()
}

/// `<name`, and nothing of a tag without one.
fn name_length(tag: &[u8]) -> usize {
    tag.iter().position(|byte| matches!(byte, b' ' | b'/' | b'>') && tag.first() == Some(&b'<')).unwrap_or(0)
}

fn text_behind(xml: &[u8], start: usize) -> Range<usize> {
    let length = xml[start..].iter().position(|byte| *byte == b'<').unwrap_or(0);
    start..start + length
}

/// The element that a tag opens, or the tag alone if it opens none.
fn element(xml: &[u8], tags: &[Range<usize>], tag: Range<usize>) -> Range<usize> {
    let mut depth = 0_usize;
    for other in tags.iter().filter(|other| other.start >= tag.start) {
        let text = &xml[other.clone()];
        if text.starts_with(b"</") {
            depth = depth.saturating_sub(1);
        } else if !text.ends_with(b"/>") && !text.starts_with(b"<?") && !text.starts_with(b"<!") {
            depth += 1;
        }
        if depth == 0 {
            return tag.start..other.end;
        }
    }
    tag
}

/// What is left of the input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
    }

    fn piece(&mut self) -> Option<&'static str> {
        Some(PIECES[usize::from(self.byte()?) % PIECES.len()])
    }

    /// A length and as many bytes, or what is there.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some(bytes)
    }
}

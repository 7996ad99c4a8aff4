//! Made-up messages for `publish --generate` and `demo`: valid, signed-looking, and the same for the same seed.
//!
//! People, documents and accounts are invented, signatures are decoration. No catalogue is checked here.

mod templates;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;

use crate::rfc3339::{self, Calendar};
use templates::{ENVELOPE, KINDS, Kind};

/// The date of the first message of every seed: the same seed must not depend on the day, or publishing it again
/// would be a conflict. 2026-01-05, noon.
const BEGAN: Timestamp = Timestamp::from_unix_millis(1_767_614_400_000);
/// Milliseconds between two messages.
const STEP_MILLIS: u64 = 10;
/// Senders: whoever of the two the message is not for.
const SENDERS: [&str; 2] = ["99999002", "99999001"];
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const FIRST_NAMES: [&str; 8] =
    ["Marina", "Otávio", "Jussara", "Caetana", "Abílio", "Iolanda", "Tomé", "Zuleica"];
const MIDDLE_NAMES: [&str; 6] = ["Quadros", "Sempreviva", "das Neves", "Veloso", "Alcântara", "do Vale"];
const LAST_NAMES: [&str; 6] = ["Teles", "Invento", "Ficção", "Moinhos", "Barroca", "Lua"];
const REMARKS: [&str; 6] = [
    "Aluguel de janeiro",
    "Almoço de domingo",
    "Conserto da bicicleta",
    "Livros usados",
    "Mensalidade",
    "Obrigado!",
];

/// A message type that cannot be made up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no message of type {0:?} can be made up; there are {known}", known = types().collect::<Vec<_>>().join(", "))]
pub struct UnknownType(pub String);

/// A made-up message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its `BizMsgIdr`.
    pub message_id: String,
    /// Its XML.
    pub bytes: Bytes,
}

/// The types that can be made up.
pub fn types() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// An endless run of messages of one type for one participant.
#[derive(Debug, Clone)]
pub struct Generator {
    kind: &'static Kind,
    to: Ispb,
    from: &'static str,
    seed: u64,
    began: Timestamp,
    number: u64,
}

impl Generator {
    /// A run of `message_type`, such as `pacs.008` or `pacs.008.spi.1.16`, for a participant.
    ///
    /// # Errors
    /// There is no such type here.
    pub fn new(message_type: &str, to: Ispb, seed: u64) -> Result<Self, UnknownType> {
        let is_it = |kind: &&Kind| {
            message_type == kind.name || message_type == format!("{}.spi.{}", kind.name, kind.version)
        };
        let kind = KINDS.iter().find(is_it).ok_or_else(|| UnknownType(message_type.to_owned()))?;
        let from = if to.as_str() == SENDERS[0] { SENDERS[1] } else { SENDERS[0] };
        Ok(Self { kind, to, from, seed, began: BEGAN, number: 0 })
    }

    /// The same run, dated from another point in time. The ids stay, so the same seed at another time is a conflict.
    #[must_use]
    pub const fn from_time(mut self, began: Timestamp) -> Self {
        self.began = began;
        self
    }

    fn message(&self, number: u64) -> Generated {
        let mut draw =
            Draw::new(&[self.seed, name_number(self.kind.name), name_number(self.to.as_str()), number]);
        let created = Timestamp::from_unix_millis(self.began.unix_millis() + number * STEP_MILLIS);
        let id = format!("M{}{}", self.from, draw.alphanumeric(23));
        let minute = Calendar::of(created).compact_minute();
        let facts = Facts {
            kind: self.kind,
            from: self.from,
            to: self.to,
            end_to_end: format!("E{}{minute}{}", self.from, draw.alphanumeric(11)),
            their_end_to_end: format!("E{}{minute}{}", self.to, draw.alphanumeric(11)),
            their_id: format!("M{}{}", self.to, draw.alphanumeric(23)),
            return_id: format!("D{}{minute}{}", self.from, draw.alphanumeric(11)),
            id,
            created,
            number,
        };
        let mut xml = String::with_capacity(4_096);
        facts.fill(ENVELOPE, &mut xml, &mut draw);
        Generated { message_id: facts.id, bytes: xml.into() }
    }
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let message = self.message(self.number);
        self.number += 1;
        Some(message)
    }
}

/// What one message says more than once.
struct Facts {
    kind: &'static Kind,
    from: &'static str,
    to: Ispb,
    id: String,
    their_id: String,
    end_to_end: String,
    their_end_to_end: String,
    return_id: String,
    created: Timestamp,
    number: u64,
}

impl Facts {
    /// Writes a template, its places filled.
    fn fill(&self, template: &str, out: &mut String, draw: &mut Draw) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (place, after) = after.split_once('}').unwrap_or((after, ""));
            if place == "document" {
                self.fill(self.kind.document, out, draw);
            } else {
                out.push_str(&self.place(place, draw));
            }
            rest = after;
        }
        out.push_str(rest);
    }

    fn place(&self, name: &str, draw: &mut Draw) -> String {
        match name {
            "type" => self.kind.name.to_owned(),
            "version" => self.kind.version.to_owned(),
            "from" => self.from.to_owned(),
            "to" => self.to.to_string(),
            "id" => self.id.clone(),
            "their_id" => self.their_id.clone(),
            "end_to_end" => self.end_to_end.clone(),
            "their_end_to_end" => self.their_end_to_end.clone(),
            "return" => self.return_id.clone(),
            "created" => rfc3339::text(self.created),
            "date" => Calendar::of(self.created).date(),
            "number" => (self.number + 1).to_string(),
            "digest" => STANDARD.encode(draw.bytes(32)),
            "signature" => signature(draw),
            "serial" => draw.digits(10),
            "amount" => format!("{}.{}", 1 + draw.below(9_999), draw.digits_padded(2)),
            "person" => person(draw),
            "document_number" => draw.digits(11),
            "account" => draw.digits(8),
            "branch" => draw.digits_padded(4),
            "remark" => draw.one_of(&REMARKS).to_owned(),
            // Visible in the message, and a test reads every template.
            other => format!("{{{other}}}"),
        }
    }
}

/// 256 bytes of base64 in lines of 76, with the line ends that common signers leave.
fn signature(draw: &mut Draw) -> String {
    let text = STANDARD.encode(draw.bytes(256));
    let lines: Vec<&str> = (0..text.len()).step_by(76).map(|at| &text[at..text.len().min(at + 76)]).collect();
    lines.join("&#13;\n")
}

fn person(draw: &mut Draw) -> String {
    let (first, middle) = (draw.one_of(&FIRST_NAMES), draw.one_of(&MIDDLE_NAMES));
    format!("{first} {middle} {}", draw.one_of(&LAST_NAMES))
}

/// A name as a number, for seeds (FNV-1a).
fn name_number(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64: the same seed draws the same. Not for secrets.
struct Draw(u64);

impl Draw {
    fn new(seeds: &[u64]) -> Self {
        let mut draw = Self(0);
        for seed in seeds {
            draw.0 ^= seed;
            draw.0 = draw.number();
        }
        draw
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[at]
    }

    fn alphanumeric(&mut self, length: usize) -> String {
        let mut character = || char::from(ALPHANUMERIC[usize::try_from(self.below(62)).unwrap_or(0)]);
        (0..length).map(|_| character()).collect()
    }

    /// Digits, the first of them not zero.
    fn digits(&mut self, length: usize) -> String {
        format!("{}{}", 1 + self.below(9), self.digits_padded(length - 1))
    }

    fn digits_padded(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))).collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number().to_be_bytes()[0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use pix_stream_adapter_xml::{Options, Schemas, XmlCodec};
    use pix_stream_ports::codec::Codec as _;

    use super::*;

    fn ispb() -> Ispb {
        "99999001".parse().unwrap()
    }

    fn generator(message_type: &str, seed: u64) -> Generator {
        Generator::new(message_type, ispb(), seed).unwrap()
    }

    #[test]
    fn every_type_is_a_message_that_the_server_takes() {
        // Unsigned messages are refused: these look signed.
        let codec = XmlCodec::new(Options::default(), Schemas::built_in());
        for name in types() {
            for message in generator(name, 7).take(20) {
                let text = String::from_utf8(message.bytes.to_vec()).unwrap();
                assert!(!text.contains(['{', '}']), "{text}");
                let examined = codec.examine(&message.bytes, Some(ispb())).unwrap();
                assert_eq!(examined.business_id, message.message_id);
                assert_eq!((examined.to, examined.from.as_str()), (ispb(), "99999002"));
                assert!(examined.message_type.starts_with(name), "{}", examined.message_type);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_messages() {
        let once: Vec<_> = generator("pacs.008", 5).take(50).collect();
        assert_eq!(generator("pacs.008.spi.1.16", 5).take(50).collect::<Vec<_>>(), once);
        assert_ne!(generator("pacs.008", 6).next().unwrap(), once[0]);
    }

    #[test]
    fn ids_differ_between_messages_seeds_types_and_participants() {
        let mut ids = HashSet::new();
        let other = "99999002".parse().unwrap();
        for seed in [0, 1, u64::MAX] {
            for name in types() {
                let generators = [generator(name, seed), Generator::new(name, other, seed).unwrap()];
                for message in generators.into_iter().flat_map(|g| g.take(200)) {
                    assert_eq!(message.message_id.len(), 32);
                    assert!(ids.insert(message.message_id));
                }
            }
        }
    }

    #[test]
    fn sizes_are_those_of_real_messages() {
        let size = |name| generator(name, 1).next().unwrap().bytes.len();
        assert!((3_400..3_800).contains(&size("pacs.008")), "{}", size("pacs.008"));
        assert!((2_600..3_000).contains(&size("pacs.002")), "{}", size("pacs.002"));
    }

    #[test]
    fn an_unknown_type_names_those_there_are() {
        let error = Generator::new("pacs.009", ispb(), 0).unwrap_err().to_string();
        assert!(error.contains("pacs.009") && error.contains("pibr.002"), "{error}");
    }
}

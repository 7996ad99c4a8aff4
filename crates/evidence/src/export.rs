//! A period with its proof: sections of the chains, and the messages that were published in it.
//!
//! One JSON object a line. First what was asked for. Then, for each chain, a line that begins its section, its entries
//! as they stand in the log, and a line that ends it with its head and its newest anchor. Behind the entry of each
//! publish in the period stands a line for each of its messages. At last one line with counts and the SHA-256 of
//! everything before it.
//!
//! Where one participant was asked for, entries that are not about it are given by their place in the chain alone. A
//! section goes a little beyond the period on both sides, which shows that nothing within was left out. Reading it is
//! `proof`'s.

use std::io::{self, Write};

use pix_stream_domain::audit::{Event, Message};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Range;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::Anchor;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::entry::{self, Entry};
use crate::files::DATE_SLACK_MILLIS;
use crate::line;
use crate::rfc3339::Rfc3339;

/// The version of the form.
pub const VERSION: u32 = 1;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From here on.
    pub since: Timestamp,
    /// Up to, not including, here.
    pub until: Timestamp,
    /// One participant's messages; `None`: everybody's.
    pub ispb: Option<Ispb>,
    /// Only messages in this range; the empty one is no limit.
    pub sequences: Range,
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the form.
    pub evidence: u32,
    /// [`Period::since`].
    pub since: String,
    /// [`Period::until`].
    pub until: String,
    /// [`Period::ispb`].
    pub ispb: Option<String>,
    /// First and last of [`Period::sequences`].
    pub sequences: Option<(u64, u64)>,
    /// When the export was made.
    pub made_at: String,
}

/// Begins the section of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The chain.
    pub section: String,
}

/// An entry that is about somebody else: its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its number.
    pub link: u64,
    /// When it happened; as it says, for the rest is not here.
    pub at: String,
    /// The hash before it.
    pub prev: String,
    /// Its hash.
    pub hash: String,
}

/// A message of the publish before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its PI-ResourceId.
    pub message: String,
    /// Whose it is.
    pub ispb: String,
    /// Its place in the participant's order.
    pub sequence: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// When the publish was recorded.
    pub published_at: String,
    /// Who published it.
    pub publisher: String,
    /// Whether it was stored before.
    pub repeat: bool,
    /// What the Journal has of it; `None` when it was erased or not asked.
    pub stored: Option<Stored>,
}

/// What the Journal has of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Its type.
    pub message_type: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the bytes that are stored.
    pub sha256: String,
}

/// Ends the section of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionEnd {
    /// The chain.
    pub section_end: String,
    /// Number of the first entry; zero when the section is empty.
    pub first: u64,
    /// The hash before it.
    pub before: String,
    /// Number of the last entry.
    pub last: u64,
    /// Its hash.
    pub head: String,
    /// Whether the chain ended here when the export was made.
    pub is_end: bool,
    /// The newest anchor of the chain.
    pub anchor: Option<AnchorLine>,
}

/// An anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorLine {
    /// The entry.
    pub entry: u64,
    /// Its hash.
    pub hash: String,
    /// When it was anchored.
    pub at: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Messages.
    pub messages: u64,
    /// Entries, links among them.
    pub entries: u64,
    /// SHA-256 of everything before this line.
    pub sha256: String,
}

/// Writes an export, chain by chain, entry by entry.
pub struct Exporter<W, F> {
    out: W,
    hasher: Sha256,
    period: Period,
    find_stored: F,
    chain: String,
    place: Place,
    before: Option<Vec<u8>>,
    first: Option<(u64, Digest)>,
    last: (u64, Digest),
    messages: u64,
    entries: u64,
}

/// Where in the chain the section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Within,
    Behind,
}

impl<W: Write, F: FnMut(Ispb, &Message) -> Option<Stored>> Exporter<W, F> {
    /// Begins an export. `find_stored` says what the Journal has of a message.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn begin(out: W, period: Period, made_at: Timestamp, find_stored: F) -> io::Result<Self> {
        let sequences = period.sequences;
        let is_limited = !sequences.is_empty();
        let header = Header {
            evidence: VERSION,
            since: Rfc3339(period.since).to_string(),
            until: Rfc3339(period.until).to_string(),
            ispb: period.ispb.map(|ispb| ispb.to_string()),
            sequences: is_limited.then(|| (sequences.start().value(), sequences.end().previous().value())),
            made_at: Rfc3339(made_at).to_string(),
        };
        let mut exporter = Self {
            out,
            hasher: Sha256::new(),
            period,
            find_stored,
            chain: String::new(),
            place: Place::Before,
            before: None,
            first: None,
            last: (0, Digest::default()),
            messages: 0,
            entries: 0,
        };
        exporter.write(&header)?;
        Ok(exporter)
    }

    /// Begins the section of a chain.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn begin_chain(&mut self, chain: &str) -> io::Result<()> {
        chain.clone_into(&mut self.chain);
        (self.place, self.before, self.first) = (Place::Before, None, None);
        self.last = (0, Digest::default());
        self.write(&Section { section: chain.to_owned() })
    }

    /// The next entry of the chain, which holds; without its line end.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn see(&mut self, line: &[u8]) -> io::Result<()> {
        let millis = entry::date(line).unwrap_or_default().unix_millis();
        let (since, until) = (self.period.since.unix_millis(), self.period.until.unix_millis());
        if self.place == Place::Before {
            if millis < since.saturating_sub(DATE_SLACK_MILLIS) {
                self.before = Some(line.to_vec());
                return Ok(());
            }
            self.place = Place::Within;
            if let Some(before) = self.before.take() {
                self.write_entry(&before)?;
            }
        }
        if self.place == Place::Behind {
            return Ok(());
        }
        if millis >= until.saturating_add(DATE_SLACK_MILLIS) {
            self.place = Place::Behind;
        }
        self.write_entry(line)
    }

    /// Ends the section of a chain.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn end_chain(&mut self, anchor: Option<&Anchor>) -> io::Result<()> {
        if let Some(before) = self.before.take() {
            self.write_entry(&before)?;
        }
        let (first, before) = self.first.unwrap_or_default();
        let end = SectionEnd {
            section_end: self.chain.clone(),
            first,
            before: before.to_string(),
            last: self.last.0,
            head: self.last.1.to_string(),
            is_end: self.place != Place::Behind,
            anchor: anchor.map(|anchor| AnchorLine {
                entry: anchor.head.entry,
                hash: anchor.head.hash.to_string(),
                at: Rfc3339(anchor.at).to_string(),
            }),
        };
        self.write(&end)
    }

    /// Ends the export; tells how many messages and entries it holds.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn finish(mut self) -> io::Result<(W, End)> {
        let sha256 = Digest(self.hasher.clone().finalize().into()).to_string();
        let end = End { messages: self.messages, entries: self.entries, sha256 };
        self.write(&end)?;
        self.out.flush()?;
        Ok((self.out, end))
    }

    fn write_entry(&mut self, line: &[u8]) -> io::Result<()> {
        let Ok(place) = line::read(line) else { return Ok(()) };
        self.first.get_or_insert((place.n, place.prev));
        self.last = (place.n, place.hash);
        self.entries += 1;
        let text = std::str::from_utf8(line).unwrap_or_default();
        if self.period.ispb.is_some_and(|ispb| !text.contains(&entry::ispb_member(ispb))) {
            let (prev, hash) = (place.prev.to_string(), place.hash.to_string());
            let at = Rfc3339(entry::date(line).unwrap_or_default()).to_string();
            return self.write(&Link { link: place.n, at, prev, hash });
        }
        self.write_line(line)?;
        let Ok(entry) = entry::parse(line) else { return Ok(()) };
        for (ispb, message) in messages(&entry, &self.period) {
            let stored = (self.find_stored)(ispb, &message);
            self.messages += 1;
            self.write(&told(&entry, ispb, &message, stored))?;
        }
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_vec(line)?;
        self.write_line(&line)
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        for part in [line, b"\n"] {
            self.hasher.update(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

/// The messages of an entry that belong into an export of a period.
pub(crate) fn messages(entry: &Entry, period: &Period) -> Vec<(Ispb, Message)> {
    let (Event::Publish { messages, .. }, Some(ispb)) = (&entry.record.event, entry.record.ispb) else {
        return Vec::new();
    };
    let is_wanted = |message: &&Message| {
        let sequence = Range::new(message.sequence, message.sequence.plus(1));
        period.sequences.is_empty() || period.sequences.contains(sequence)
    };
    let at = entry.record.at;
    let is_in_time = period.since <= at && at < period.until;
    let is_its = period.ispb.is_none_or(|wanted| wanted == ispb);
    let wanted = messages.iter().filter(is_wanted).filter(|_| is_in_time && is_its);
    wanted.map(|message| (ispb, *message)).collect()
}

/// The line of a message.
pub(crate) fn told(entry: &Entry, ispb: Ispb, message: &Message, stored: Option<Stored>) -> Told {
    let publisher = match &entry.record.event {
        Event::Publish { actor, .. } => actor.to_string(),
        Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Quarantine { .. }
        | Event::Admin { .. }
        | Event::System { .. } => String::new(),
    };
    Told {
        message: message.resource_id.to_string(),
        ispb: ispb.to_string(),
        sequence: message.sequence.value(),
        sha256: message.digest.to_string(),
        published_at: Rfc3339(entry.record.at).to_string(),
        publisher,
        repeat: message.is_repeat,
        stored,
    }
}

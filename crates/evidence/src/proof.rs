//! Checking an export: by whoever was handed it, with nothing but the file.
//!
//! Every entry is hashed again and must follow the one before; every message must be the one that its publish names, and
//! none may be missing; the last line must fit all before it. So no byte can be changed alone. Somebody who makes all of
//! it anew cannot make it fit an anchor or a head that is known from elsewhere: that is what the ends of sections are
//! printed for.

use std::io::{self, BufRead};

use pix_stream_domain::digest::Digest;
use pix_stream_domain::sequence::{Range, Sequence};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::entry::{self, Entry};
use crate::export::{End, Header, Link, Period, Section, SectionEnd, Told, VERSION, messages, told};
use crate::line::{self, Place};
use crate::{Walk, rfc3339};

/// What an export proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    /// What was asked for, and when.
    pub header: Header,
    /// Messages in it.
    pub messages: u64,
    /// Entries of chains in it.
    pub entries: u64,
    /// Of these, entries of which only the place is given.
    pub links: u64,
    /// The sections of chains.
    pub sections: Vec<SectionProof>,
}

/// What a section proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionProof {
    /// Its ends, to be compared with anchors and heads from elsewhere.
    #[serde(flatten)]
    pub end: SectionEnd,
    /// Whether it begins before the period, or with the chain itself: nothing is left out at its front.
    pub covers_since: bool,
    /// Whether it goes beyond the period. Otherwise the chain ended here when the export was made.
    pub covers_until: bool,
    /// Whether its own anchor lies in it; one that lies behind can be looked for in the log.
    pub holds_anchor: bool,
}

/// Why an export proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// It does not hold.
    #[error("line {line}: {reason}")]
    Broken {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Whether a file begins as an export does.
#[must_use]
pub fn is_export(start: &[u8]) -> bool {
    start.starts_with(b"{\"evidence\":")
}

/// Checks an export.
///
/// # Errors
/// The first line that does not hold, or what could not be read.
pub fn check(mut input: impl BufRead) -> Result<Proved, ProofError> {
    let mut checker = Checker::default();
    let (mut buffer, mut number) = (Vec::new(), 0);
    loop {
        buffer.clear();
        if input.read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        number += 1;
        let broken = |reason: &str| ProofError::Broken { line: number, reason: reason.to_owned() };
        let Some((b'\n', line)) = buffer.split_last() else { return Err(broken("is cut short")) };
        checker.see(line).map_err(|reason| broken(&reason))?;
    }
    checker.finish().map_err(|reason| ProofError::Broken { line: number + 1, reason })
}

#[derive(Default)]
struct Checker {
    hasher: Sha256,
    asked: Option<(Header, Period)>,
    section: Option<OpenSection>,
    sections: Vec<SectionProof>,
    /// Message lines that must follow, the next one last.
    due: Vec<Told>,
    messages: u64,
    entries: u64,
    links: u64,
    is_over: bool,
}

struct OpenSection {
    chain: String,
    walk: Walk,
    anchor_hashes: Vec<(u64, Digest)>,
    dates: Option<(u64, u64)>,
}

type Step = Result<(), String>;

impl Checker {
    fn see(&mut self, line: &[u8]) -> Step {
        if self.is_over {
            return Err("stands behind the end".to_owned());
        }
        if self.asked.is_none() {
            self.begin(line)?;
        } else if line.starts_with(b"{\"messages\":") {
            return self.end(line);
        } else if !self.due.is_empty() {
            self.message(line)?;
        } else if line.starts_with(b"{\"section\":") {
            let Section { section } = exact(line)?;
            if self.section.is_some() || self.sections.iter().any(|one| one.end.section_end == section) {
                return Err("begins a section in another one, or again".to_owned());
            }
            let walk = Walk::default();
            self.section = Some(OpenSection { chain: section, walk, anchor_hashes: Vec::new(), dates: None });
        } else if line.starts_with(b"{\"section_end\":") {
            self.end_section(exact(line)?)?;
        } else if line.starts_with(b"{\"link\":") {
            self.link(&exact(line)?)?;
        } else {
            self.entry(line)?;
        }
        self.hasher.update(line);
        self.hasher.update(b"\n");
        Ok(())
    }

    fn begin(&mut self, line: &[u8]) -> Step {
        let header: Header = exact(line)?;
        if header.evidence != VERSION {
            return Err(format!("is of version {}, which this build does not know", header.evidence));
        }
        let time = |text: &str| rfc3339::parse(text).ok_or("names a time that is none");
        let ispb = header.ispb.as_deref().map(str::parse).transpose();
        let sequences = header.sequences.map_or(Range::EMPTY, |(first, last)| {
            Range::new(Sequence::new(first), Sequence::new(last).plus(1))
        });
        let period = Period {
            since: time(&header.since)?,
            until: time(&header.until)?,
            ispb: ispb.map_err(|_| "names a participant that is none")?,
            sequences,
        };
        self.asked = Some((header, period));
        Ok(())
    }

    fn open(&mut self) -> Result<&mut OpenSection, String> {
        self.section.as_mut().ok_or_else(|| "stands in no section".to_owned())
    }

    fn entry(&mut self, line: &[u8]) -> Step {
        let date = entry::date(line).map(|at| at.unix_millis());
        let section = self.open()?;
        let place = section.walk.step(line)?;
        section.note(place, date);
        self.entries += 1;
        if let (Ok(entry), Some((_, period))) = (entry::parse(line), &self.asked) {
            self.due = due(&entry, period);
        }
        Ok(())
    }

    fn link(&mut self, link: &Link) -> Step {
        let digest = |text: &str| line::unhex(text).ok_or("names a hash that is none");
        let place = Place { n: link.link, prev: digest(&link.prev)?, hash: digest(&link.hash)? };
        if self.asked.as_ref().is_some_and(|(_, period)| period.ispb.is_none()) {
            return Err("gives only the place of an entry, though everything was asked for".to_owned());
        }
        let section = self.open()?;
        let date = rfc3339::parse(&link.at).ok_or("names a time that is none")?;
        section.walk.go(place)?;
        section.note(place, Some(date.unix_millis()));
        self.entries += 1;
        self.links += 1;
        Ok(())
    }

    fn message(&mut self, line: &[u8]) -> Step {
        let Some(mut expected) = self.due.pop() else { return Ok(()) };
        let found: Told = exact(line).map_err(|_| "is not the message that its publish names here")?;
        expected.stored.clone_from(&found.stored);
        if found != expected {
            return Err("is not the message that its publish names here".to_owned());
        }
        if found.stored.as_ref().is_some_and(|stored| stored.sha256 != found.sha256) {
            return Err("tells of stored bytes that are not the published ones".to_owned());
        }
        self.messages += 1;
        Ok(())
    }

    fn end_section(&mut self, end: SectionEnd) -> Step {
        let section = self.section.take().ok_or("ends a section that did not begin")?;
        let (first, before) = section.walk.first().unwrap_or_default();
        let head = section.walk.head();
        let found = (&*section.chain, first, before.to_string(), head.entry, head.hash.to_string());
        if found != (&*end.section_end, end.first, end.before.clone(), end.last, end.head.clone()) {
            return Err("does not fit the entries of its section".to_owned());
        }
        let hash_of = |entry: u64| section.anchor_hashes.iter().find(|(n, _)| *n == entry);
        let anchored = end.anchor.as_ref().and_then(|anchor| Some((anchor, hash_of(anchor.entry)?)));
        if anchored.is_some_and(|(anchor, (_, hash))| anchor.hash != hash.to_string()) {
            return Err("names an anchor that its entry does not fit".to_owned());
        }
        let period = self.asked.as_ref().map(|(_, period)| *period);
        let (since, until) = period.map_or((0, 0), |p| (p.since.unix_millis(), p.until.unix_millis()));
        let (earliest, latest) = section.dates.unwrap_or((u64::MAX, 0));
        self.sections.push(SectionProof {
            covers_since: first <= 1 || earliest < since,
            covers_until: latest >= until,
            holds_anchor: anchored.is_some(),
            end,
        });
        Ok(())
    }

    fn end(&mut self, line: &[u8]) -> Step {
        if self.section.is_some() || !self.due.is_empty() {
            return Err("ends the export within a section".to_owned());
        }
        let sha256 = Digest(self.hasher.clone().finalize().into()).to_string();
        let expected = End { messages: self.messages, entries: self.entries, sha256 };
        let found: End = exact(line)?;
        if found != expected {
            return Err(
                "does not fit what stands before it: something was changed, added or removed".to_owned()
            );
        }
        self.is_over = true;
        Ok(())
    }

    fn finish(self) -> Result<Proved, String> {
        let Some((header, _)) = self.asked.filter(|_| self.is_over) else {
            return Err("the end is missing".to_owned());
        };
        let Self { messages, entries, links, sections, .. } = self;
        Ok(Proved { header, messages, entries, links, sections })
    }
}

impl OpenSection {
    fn note(&mut self, place: Place, date: Option<u64>) {
        self.anchor_hashes.push((place.n, place.hash));
        if let Some(date) = date {
            let (earliest, latest) = self.dates.unwrap_or((date, date));
            self.dates = Some((earliest.min(date), latest.max(date)));
        }
    }
}

/// The message lines that must follow an entry, the next one last.
fn due(entry: &Entry, period: &Period) -> Vec<Told> {
    let messages = messages(entry, period);
    messages.iter().rev().map(|(ispb, message)| told(entry, *ispb, message, None)).collect()
}

/// Reads a line that must be spelled as we spell it: two spellings would be a change that does not show.
fn exact<T: Serialize + DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    let not_ours = || "is not a line of an export".to_owned();
    let value: T = serde_json::from_slice(line).map_err(|_| not_ours())?;
    let ours = serde_json::to_vec(&value).map_err(|_| not_ours())?;
    if ours == line { Ok(value) } else { Err(not_ours()) }
}

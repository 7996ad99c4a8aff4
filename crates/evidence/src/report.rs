//! What the reading of one chain showed, and the reading of chains from files.

use pix_stream_domain::audit::Head;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::Anchor;
use serde::Serialize;

use crate::Walk;
use crate::anchored::{self, Anchored, Verdict};
use crate::files::{self, ChainFiles, VerifyError};
use crate::journey::{Inquiry, Journey};
use crate::line::Place;
use crate::rfc3339::Rfc3339;

/// What the reading of one chain showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Its name, or where it was read.
    pub chain: String,
    /// Whether it holds, and with it its anchors.
    pub holds: bool,
    /// Entries that were read.
    pub entries: u64,
    /// Number of the first of them. Above 1, earlier ones were not read.
    pub first: u64,
    /// Number of the last of them.
    pub last: u64,
    /// Hash that the first states for the one before it.
    pub before: String,
    /// Hash of the last.
    pub head: String,
    /// Its anchors.
    pub anchors: Vec<AnchorReport>,
    /// What does not hold, one line each.
    pub findings: Vec<String>,
}

/// What a chain says to an anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnchorReport {
    /// The chain that was anchored.
    pub chain: String,
    /// The entry.
    pub entry: u64,
    /// Its hash.
    pub hash: String,
    /// When it was anchored.
    pub at: String,
    /// `holds`, `cut`, `differs`, `not read`.
    pub verdict: &'static str,
    /// When a node found at its start that its log does not hold it.
    pub broken_at: Option<String>,
}

/// One chain while it is read.
#[derive(Debug, Clone)]
pub struct Check {
    chain: String,
    walk: Walk,
    anchored: Anchored,
    broken: Option<String>,
    /// Anchors from then on may name entries that are still on their way to where the chain is read.
    settled: Option<Timestamp>,
}

impl Check {
    /// A chain of which nothing was read, with its anchors.
    #[must_use]
    pub fn new(chain: String, anchors: Vec<Anchor>) -> Self {
        Self { chain, walk: Walk::default(), anchored: Anchored::new(anchors), broken: None, settled: None }
    }

    /// Entries of the last moments, from `at` on, may still be on their way to where the chain is read: that it ends
    /// before an anchor as new as that says nothing.
    #[must_use]
    pub fn settled_until(mut self, at: Timestamp) -> Self {
        self.settled = Some(at);
        self
    }

    /// Where it has come to.
    #[must_use]
    pub fn head(&self) -> Head {
        self.walk.head()
    }

    /// Whether it holds so far.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_none()
    }

    /// The next entry, without its line end. `false` once it does not hold: nothing behind is certain.
    pub fn line(&mut self, line: &[u8]) -> bool {
        if self.broken.is_some() {
            return false;
        }
        match self.walk.step(line) {
            Ok(place) => self.anchored.see(place),
            Err(reason) => {
                let n = crate::line::number(line).map_or(String::new(), |n| format!(" {n}"));
                self.broken = Some(format!("chain {}: entry{n} {reason}", self.chain));
            }
        }
        self.broken.is_none()
    }

    /// The next entry, which somebody else has checked.
    fn see(&mut self, place: Place) {
        // It was walked already; here it only counts.
        if self.walk.go(place).is_ok() {
            self.anchored.see(place);
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn report(self) -> ChainReport {
        let (first, before) = self.walk.first().unwrap_or_default();
        let head = self.walk.head();
        // Behind a break nothing was read: anchors there say nothing of their own.
        let cut = if self.broken.is_some() { Verdict::NotRead } else { Verdict::Cut };
        let verdicts = self.anchored.verdicts().iter();
        let verdicts = verdicts.map(|(anchor, verdict)| match verdict {
            Verdict::Cut if self.settled.is_some_and(|settled| anchor.at >= settled) => {
                (anchor, Verdict::NotRead)
            }
            Verdict::Cut => (anchor, cut),
            Verdict::Holds | Verdict::Differs | Verdict::NotRead => (anchor, *verdict),
        });
        let verdicts: Vec<_> = verdicts.collect();
        let findings: Vec<String> = self
            .broken
            .into_iter()
            .chain(verdicts.iter().filter_map(|(anchor, verdict)| anchored::finding(anchor, *verdict)))
            .collect();
        ChainReport {
            chain: self.chain,
            holds: findings.is_empty(),
            entries: self.walk.entries(),
            first,
            last: head.entry,
            before: before.to_string(),
            head: head.hash.to_string(),
            anchors: verdicts.into_iter().map(|(anchor, verdict)| anchor_report(anchor, verdict)).collect(),
            findings,
        }
    }
}

fn anchor_report(anchor: &Anchor, verdict: Verdict) -> AnchorReport {
    AnchorReport {
        chain: anchor.chain.to_string(),
        entry: anchor.head.entry,
        hash: anchor.head.hash.to_string(),
        at: Rfc3339(anchor.at).to_string(),
        verdict: match verdict {
            Verdict::Holds => "holds",
            Verdict::Cut => "cut",
            Verdict::Differs => "differs",
            Verdict::NotRead => "not read",
        },
        broken_at: anchor.broken_at.map(|at| Rfc3339(at).to_string()),
    }
}

/// A message's way, and the chains that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Walked {
    /// Whether all chains hold.
    pub verified: bool,
    /// The way; `None` when no entry names the message.
    #[serde(flatten)]
    pub journey: Option<Journey>,
    /// The chains.
    pub chains: Vec<ChainReport>,
}

/// What a chain is called: its name, or where its files are.
#[must_use]
pub fn label(chain: &ChainFiles) -> String {
    let place = || chain.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    chain.chain.map_or_else(place, |chain| chain.to_string())
}

/// Reads chains from their files, checks them and their anchors, and shows each entry with the chain's label.
///
/// # Errors
/// A file cannot be read. That a chain does not hold is a finding, and no error.
pub fn read_files(
    chains: &[(ChainFiles, Vec<Anchor>)],
    from: Option<Timestamp>,
    mut see: impl FnMut(&str, &[u8]),
) -> Result<Vec<ChainReport>, VerifyError> {
    let mut reports = Vec::new();
    for (chain, anchors) in chains {
        let label = label(chain);
        let mut check = Check::new(label.clone(), anchors.clone());
        let walked = files::walk(&chain.paths, from, |place, line| {
            check.see(place);
            see(&label, line);
        });
        match walked {
            Ok(_) => {}
            Err(VerifyError::Broken(broken)) => check.broken = Some(broken.to_string()),
            // A log before its first entry: only anchors have something to say to it.
            Err(VerifyError::Nothing) if !anchors.is_empty() => {}
            Err(error @ (VerifyError::Nothing | VerifyError::Unreadable { .. })) => return Err(error),
        }
        reports.push(check.report());
    }
    Ok(reports)
}

/// Follows a message through chains in files.
///
/// # Errors
/// A file cannot be read.
pub fn walk_files(
    chains: &[(ChainFiles, Vec<Anchor>)],
    resource_id: ResourceId,
) -> Result<Walked, VerifyError> {
    let from = Some(resource_id.published_at());
    let mut inquiry = Inquiry::new(resource_id);
    let reports = read_files(chains, from, |chain, line| inquiry.see(chain, line))?;
    let mut journey = inquiry.found();
    if let Some(journey) = &mut journey {
        read_files(chains, from, |chain, line| journey.see(chain, line))?;
        journey.sort();
    }
    Ok(Walked { verified: reports.iter().all(|report| report.holds), journey, chains: reports })
}

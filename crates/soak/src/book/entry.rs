//! The entries of the book, and what it comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_testkit::oracle::Item;

use crate::series::Series;

/// A message on its way.
pub(super) struct Message {
    pub(super) ispb: Ispb,
    pub(super) digest: Digest,
    pub(super) sequence: Option<Sequence>,
    pub(super) is_acknowledged: bool,
    pub(super) received: Option<Duration>,
    pub(super) confirmed: Option<Duration>,
    /// Its token was presented: the client has said that it has it, whatever became of the answer.
    pub(super) is_presented: bool,
    /// Digest of the token that it came with last.
    pub(super) token: Option<Digest>,
}

/// A message that a producer sends.
pub(super) struct Offer {
    pub(super) at: Duration,
    pub(super) id: Option<ResourceId>,
}

impl Message {
    pub(super) const fn new(ispb: Ispb, digest: Digest) -> Self {
        Self {
            ispb,
            digest,
            sequence: None,
            is_acknowledged: false,
            received: None,
            confirmed: None,
            is_presented: false,
            token: None,
        }
    }
}

/// A fault, from its beginning to the return of what it took.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) from: Duration,
    pub(crate) until: Option<Duration>,
    /// The longest time without a delivery, in it and shortly after.
    pub(crate) silence: Duration,
    /// Whether confirmations may be lost by it.
    pub(crate) loses: bool,
    /// From its end to the first message that was published after it.
    pub(crate) resumed: Option<Duration>,
    pub(crate) bounds: Bounds,
}

/// What a fault may cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// Time without a delivery.
    pub(crate) silence: Option<Duration>,
    /// From its end to the first message that is published.
    pub(crate) resumed: Option<Duration>,
}

impl Fault {
    /// What it cost and must not have.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        if let Some(most) = self.bounds.silence.filter(|most| self.silence > *most) {
            let silence = self.silence.as_secs_f64();
            violations.push(format!("{}: {silence:.1} s without a delivery, at most {most:?}", self.name));
        }
        let is_late = |most: &Duration| self.until.is_some() && self.resumed.is_none_or(|took| took > *most);
        if let Some(most) = self.bounds.resumed.filter(is_late) {
            let took =
                self.resumed.map_or("never".to_owned(), |took| format!("after {:.1} s", took.as_secs_f64()));
            violations.push(format!("{}: published again {took}, at most {most:?}", self.name));
        }
        violations
    }
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
    pub(crate) delivered: u64,
    pub(crate) redelivered: u64,
    /// Of these, messages that were confirmed before.
    pub(crate) confirmed_again: u64,
    pub(crate) replayed: u64,
    pub(crate) histories: u64,
    /// Streams that clients left without closing them.
    pub(crate) abandoned: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    /// How long reads took that were answered 503, the longest.
    pub(crate) refusal_longest: Duration,
    /// What was measured on the way.
    pub(crate) notes: Vec<String>,
}

/// An answer with messages, as a client got it.
pub(crate) struct Delivery<'a> {
    pub(crate) presented: Option<&'a str>,
    pub(crate) token: &'a str,
    pub(crate) items: &'a [Item],
    pub(crate) body: Digest,
    pub(crate) asked: Duration,
}

/// What a run comes to.
pub(crate) struct Finished {
    pub(crate) counts: Counts,
    pub(crate) series: Series,
    pub(crate) faults: Vec<Fault>,
    pub(crate) violations: Vec<String>,
    /// Redeliveries that the faults and the clients account for.
    pub(crate) bound: u64,
}

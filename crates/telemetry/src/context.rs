//! The ids of a trace, and the header that carries them (W3C Trace Context, level 1).
//!
//! `tracestate` is not read: nothing is asked of other systems here, so nobody would get it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A trace: all that came of one request, in every system that took part. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// The id as bytes, the highest first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The half that is random for certain, from which sampling is decided as OpenTelemetry does: all systems with the
    /// same ratio choose the same traces.
    pub(crate) const fn low(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A step of a trace. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl SpanId {
    /// The id as bytes, the highest first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// The id of the `count`th step within this one.
    pub(crate) const fn child(self, count: u64) -> Self {
        Self::of_number(scatter(self.0 ^ count.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    pub(crate) const fn of_number(number: u64) -> Self {
        Self(if number == 0 { 1 } else { number })
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a client says of the trace that its request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: TraceId,
    /// The client's step, of which this request is a part.
    pub span: SpanId,
    /// Whether the client keeps its part.
    pub is_sampled: bool,
}

impl Parent {
    /// Reads the value of a `traceparent` header. One that is not well-formed counts as none (W3C, section 4).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        const LEN: usize = 55;
        let (version, rest) = value.split_at_checked(2)?;
        // Version 255 is forbidden; later ones may go on behind what is known.
        if number(version)? == 0xff || (version == b"00" && value.len() != LEN) {
            return None;
        }
        if value.len() > LEN && value[LEN] != b'-' {
            return None;
        }
        let trace = field(rest, 0, 32)?;
        let span = u64::try_from(field(rest, 33, 16)?).ok()?;
        let flags = field(rest, 50, 2)?;
        if trace == 0 || span == 0 {
            return None;
        }
        Some(Self { trace: TraceId(trace), span: SpanId(span), is_sampled: flags & 1 == 1 })
    }
}

/// The hexadecimal digits behind a dash.
fn field(rest: &[u8], dash: usize, digits: usize) -> Option<u128> {
    let (first, digits) = rest.get(dash..=dash + digits)?.split_first()?;
    if *first == b'-' { number(digits) } else { None }
}

/// Lower-case hexadecimal digits only: capitals are not well-formed.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(digit))
    })
}

/// Makes ids that do not repeat: a counter, scattered from a random start.
#[derive(Debug)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    /// Ids from a start that is random, so that those of two nodes or two runs do not meet.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The ids of a new trace and of its first step.
    pub(crate) fn next(&self) -> (TraceId, SpanId) {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (scatter(count ^ 0x5851_f42d_4c95_7f2d), scatter(count));
        let trace = (u128::from(high) << 64) | u128::from(if low == 0 { 1 } else { low });
        (TraceId(trace), SpanId::of_number(scatter(high ^ low.rotate_left(32))))
    }
}

/// A one-to-one mixing of 64 bits (`splitmix64`): neighbours look nothing alike.
const fn scatter(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_well_formed_header_is_taken_over() {
        let parent = Parent::parse(format!("00-{TRACE}-{SPAN}-01").as_bytes()).unwrap();
        assert_eq!((parent.trace.to_string(), parent.span.to_string()), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(parent.is_sampled);
        assert!(!Parent::parse(format!("00-{TRACE}-{SPAN}-02").as_bytes()).unwrap().is_sampled);
    }

    #[test]
    fn a_later_version_may_say_more_behind_a_dash() {
        assert!(Parent::parse(format!("01-{TRACE}-{SPAN}-01-more").as_bytes()).is_some());
        assert!(Parent::parse(format!("01-{TRACE}-{SPAN}-01more").as_bytes()).is_none());
    }

    #[test]
    fn anything_else_counts_as_no_header() {
        let (none, short) = ("0".repeat(32), &TRACE[1..]);
        for value in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{none}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{short}-{SPAN}-01x"),
            format!("é0-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(Parent::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn ids_of_ours_do_not_repeat() {
        let ids = Ids::new(u64::MAX - 500);
        let (mut traces, mut spans): (Vec<_>, Vec<_>) =
            (0..1000).map(|_| ids.next()).map(|(trace, span)| (trace.0, span.number())).unzip();
        (1..1000).for_each(|count| spans.push(SpanId::of_number(spans[0]).child(count).number()));
        traces.sort_unstable();
        traces.dedup();
        spans.sort_unstable();
        spans.dedup();
        assert_eq!((traces.len(), spans.len()), (1000, 1999));
    }
}

//! What nodes tell each other, as bytes: a format, the sender, and what happened. Big-endian.

use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Listener, News};

/// The format that this build writes. Nodes of different builds talk for as long as an upgrade takes: a reader skips
/// what it does not know.
const FORMAT: u8 = 1;

const HEAD: u8 = 1;
const CHUNK: u8 = 2;
const CHANGE: u8 = 3;
const REGISTRY: u8 = 4;
const LIMITS: u8 = 5;

/// Who sends, unique among all nodes and lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) u64);

/// The bytes of a piece of news. Of a head with a chunk, the chunk is told: it says where the head is.
pub(crate) fn encode(sender: NodeId, news: &News, with_chunk: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    out.push(FORMAT);
    out.extend(sender.0.to_be_bytes());
    match news {
        News::Head { ispb, head, chunk } => match chunk.as_ref().filter(|_| with_chunk) {
            Some(chunk) => {
                out.push(CHUNK);
                out.extend(ispb.as_bytes());
                out.extend(chunk.range.start().value().to_be_bytes());
                out.extend(chunk.range.end().value().to_be_bytes());
                out.extend(head.value().to_be_bytes());
            }
            None => {
                out.push(HEAD);
                out.extend(ispb.as_bytes());
                out.extend(head.value().to_be_bytes());
            }
        },
        News::Change { ispb, version } => {
            out.push(CHANGE);
            out.extend(ispb.as_bytes());
            out.extend(version.incarnation.value().to_be_bytes());
            out.extend(version.counter.to_be_bytes());
        }
        News::Limits { ispb, limits: Limits { requests_per_second, backlog_high_water }, revision } => {
            out.push(LIMITS);
            out.extend(ispb.as_bytes());
            // Zero is no limit that anybody can have.
            out.extend(requests_per_second.unwrap_or(0).to_be_bytes());
            out.extend(backlog_high_water.unwrap_or(0).to_be_bytes());
            out.extend(revision.to_be_bytes());
        }
        News::Registry => out.push(REGISTRY),
    }
    out
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Head(Ispb, Sequence),
    Chunk(Ispb, Range, Sequence),
    Change(Ispb, Version),
    Limits(Ispb, Limits, u64),
    Registry,
}

impl Heard {
    pub(crate) fn tell(self, listener: &dyn Listener) {
        match self {
            Self::Head(ispb, head) => listener.on_head(ispb, head),
            Self::Chunk(ispb, range, head) => {
                listener.on_chunk(ispb, range);
                if head > range.end() {
                    listener.on_head(ispb, head);
                }
            }
            Self::Change(ispb, version) => listener.on_change(ispb, version),
            Self::Limits(ispb, limits, revision) => listener.on_limits(ispb, limits, revision),
            Self::Registry => listener.on_registry(),
        }
    }
}

/// Who told what; `None` for anything that this build does not write.
pub(crate) fn decode(bytes: &[u8]) -> Option<(NodeId, Heard)> {
    let mut input = Input(bytes);
    if input.take::<1>()? != [FORMAT] {
        return None;
    }
    let sender = NodeId(input.u64()?);
    let [kind] = input.take::<1>()?;
    let heard = match kind {
        HEAD => Heard::Head(input.ispb()?, input.sequence()?),
        CHUNK => {
            let (ispb, start, end) = (input.ispb()?, input.sequence()?, input.sequence()?);
            let range = (start <= end).then(|| Range::new(start, end))?;
            Heard::Chunk(ispb, range, input.sequence()?)
        }
        CHANGE => {
            let ispb = input.ispb()?;
            let incarnation = Incarnation::new(u32::from_be_bytes(input.take()?));
            Heard::Change(ispb, Version { incarnation, counter: input.u64()? })
        }
        LIMITS => {
            let ispb = input.ispb()?;
            let requests_per_second = Some(u32::from_be_bytes(input.take()?)).filter(|rate| *rate > 0);
            let backlog_high_water = Some(input.u64()?).filter(|most| *most > 0);
            Heard::Limits(ispb, Limits { requests_per_second, backlog_high_water }, input.u64()?)
        }
        REGISTRY => Heard::Registry,
        _ => return None,
    };
    Some((sender, heard))
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk::<N>()?;
        self.0 = left;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn sequence(&mut self) -> Option<Sequence> {
        self.u64().map(Sequence::new)
    }

    fn ispb(&mut self) -> Option<Ispb> {
        Ispb::from_bytes(self.take::<{ ispb::LEN }>()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use pix_stream_ports::coordinator::Chunk;

    use super::*;

    fn ispb() -> Ispb {
        "99999A04".parse().unwrap()
    }

    fn of(requests_per_second: Option<u32>, backlog_high_water: Option<u64>) -> Limits {
        Limits { requests_per_second, backlog_high_water }
    }

    fn limits(rate: Option<u32>, backlog: Option<u64>) -> News {
        News::Limits { ispb: ispb(), limits: of(rate, backlog), revision: 9 }
    }

    fn heard_limits(rate: Option<u32>, backlog: Option<u64>) -> Heard {
        Heard::Limits(ispb(), of(rate, backlog), 9)
    }

    #[test]
    fn news_come_back_as_they_were_sent() {
        let range = Range::new(Sequence::new(7), Sequence::new(9));
        let chunk = Some(Chunk { range, bytes: Bytes::from_static(b"not sent") });
        let head = News::Head { ispb: ispb(), head: Sequence::new(9), chunk };
        let version = Version { incarnation: Incarnation::new(3), counter: 1 << 40 };
        let cases = [
            (encode(NodeId(1), &head, true), Heard::Chunk(ispb(), range, Sequence::new(9))),
            (encode(NodeId(1), &head, false), Heard::Head(ispb(), Sequence::new(9))),
            (
                encode(NodeId(1), &News::Change { ispb: ispb(), version }, true),
                Heard::Change(ispb(), version),
            ),
            (encode(NodeId(1), &limits(Some(7), None), true), heard_limits(Some(7), None)),
            (encode(NodeId(1), &limits(None, Some(1 << 40)), true), heard_limits(None, Some(1 << 40))),
            (encode(NodeId(1), &News::Registry, true), Heard::Registry),
        ];
        for (bytes, heard) in cases {
            assert!(bytes.len() <= 48, "{} bytes", bytes.len());
            assert_eq!(decode(&bytes), Some((NodeId(1), heard)));
        }
    }

    #[test]
    fn what_is_cut_or_unknown_is_skipped() {
        let bytes = encode(NodeId(1), &News::Change { ispb: ispb(), version: Version::default() }, true);
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(decode(&[FORMAT + 1, 0, 0, 0, 0, 0, 0, 0, 0, REGISTRY]), None);
        assert_eq!(decode(&[FORMAT, 0, 0, 0, 0, 0, 0, 0, 0, 99]), None);
    }
}

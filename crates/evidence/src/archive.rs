//! The reading of chains from the archive, and of what a node has not brought there yet from its own files.

use std::path::PathBuf;

use pix_stream_domain::audit::ChainId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::Anchor;
use pix_stream_ports::audit_archive::{AuditArchive, day_of};
use pix_stream_ports::error::Error;

use crate::report::{ChainReport, Check};
use crate::tail::Tail;

/// Blocks of one request.
const PAGE: u32 = 8;
/// Bytes of one block from files, about.
const TAIL_BYTES: usize = 1024 * 1024;

/// Waits for an answer of the archive: reading goes on where blocking is no harm, line by line, whoever runs futures.
pub trait Wait {
    /// Waits.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T;
}

/// How long an entry that is on a node's disk may take to the archive, while both are well.
const ARCHIVED_LATE_MILLIS: u64 = 60_000;

/// Where the chains of a cluster are read.
#[derive(Debug, Clone)]
pub struct Archived<A, W> {
    /// The archive.
    pub archive: A,
    /// How its answers are waited for.
    pub waiting: W,
    /// The chain that this node writes, and its folder: its newest entries are not archived yet.
    pub own: (ChainId, PathBuf),
    /// The time: what other nodes have anchored in the last minute may not be archived yet.
    pub now: Timestamp,
}

impl<A: AuditArchive, W: Wait> Archived<A, W> {
    /// Reads all chains from a time on, checks them and their anchors, and shows each entry with its chain's name.
    /// Blocks: call it on a thread for blocking work.
    ///
    /// # Errors
    /// The archive or a file cannot be read. That a chain does not hold is a finding, and no error.
    pub fn read(
        &self,
        anchors: &[Anchor],
        from: Option<Timestamp>,
        mut see: impl FnMut(&str, &[u8]),
    ) -> Result<Vec<ChainReport>, Error> {
        let mut chains = self.waiting.wait(self.archive.chains())?;
        let missing = |id: &ChainId| !chains.iter().any(|(chain, _)| chain == id);
        let unarchived = anchors.iter().map(|anchor| anchor.chain).chain([self.own.0]);
        let unarchived: std::collections::BTreeSet<ChainId> = unarchived.filter(missing).collect();
        chains.extend(unarchived.into_iter().map(|chain| (chain, Vec::new())));
        let mut reports = Vec::new();
        for (chain, days) in chains {
            let own: Vec<Anchor> = anchors.iter().filter(|anchor| anchor.chain == chain).copied().collect();
            let mut check = Check::new(chain.to_string(), own);
            if chain != self.own.0 {
                let now = self.now.unix_millis();
                check = check
                    .settled_until(Timestamp::from_unix_millis(now.saturating_sub(ARCHIVED_LATE_MILLIS)));
            }
            // A block is filed under the day on which it was brought here: not before its entries happened, but for
            // clocks that differ.
            let first_day = from.map_or(i32::MIN, |from| day_of(from).saturating_sub(1));
            for day in days.into_iter().filter(|day| *day >= first_day) {
                self.read_day(chain, day, &mut check, &mut see)?;
            }
            if chain == self.own.0 {
                self.read_rest(&mut check, &mut see)?;
            }
            reports.push(check.report());
        }
        Ok(reports)
    }

    fn read_day(
        &self,
        chain: ChainId,
        day: i32,
        check: &mut Check,
        see: &mut impl FnMut(&str, &[u8]),
    ) -> Result<(), Error> {
        let name = chain.to_string();
        let mut next = 0;
        while check.is_whole() {
            let blocks = self.waiting.wait(self.archive.read(chain, (day, next), PAGE))?;
            let Some(last) = blocks.last() else { break };
            next = last.first_index + 1;
            for block in &blocks {
                take(&block.lines, check, &mut |line| see(&name, line));
            }
        }
        Ok(())
    }

    /// What this node has not brought to the archive yet.
    fn read_rest(&self, check: &mut Check, see: &mut impl FnMut(&str, &[u8])) -> Result<(), Error> {
        let (chain, folder) = &self.own;
        let name = chain.to_string();
        let unreadable = |error: std::io::Error| Error::Unavailable(format!("the audit files: {error}"));
        let mut tail = Tail::before(folder, check.head().entry + 1);
        while check.is_whole() {
            let Some(block) = tail.read(TAIL_BYTES).map_err(unreadable)? else { break };
            tail.advance(&block);
            take(&block.lines, check, &mut |line| see(&name, line));
        }
        Ok(())
    }
}

/// Checks lines that end in line ends, and shows those that hold.
fn take(lines: &[u8], check: &mut Check, see: &mut impl FnMut(&[u8])) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !check.line(line) {
            return;
        }
        see(line);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;
    use pix_stream_domain::audit::Head;
    use pix_stream_domain::digest::Digest;
    use pix_stream_ports::audit_archive::Block;
    use pix_stream_testkit::contract::audit_log::records;
    use pix_stream_testkit::fake::FakeAuditArchive;

    use super::*;
    use crate::line;

    const OWN: ChainId = ChainId([1; 8]);
    const OTHER: ChainId = ChainId([2; 8]);
    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_100_000);

    /// A fake answers at once.
    struct Now;

    impl Wait for Now {
        fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
            match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => answer,
                Poll::Pending => panic!("a fake without latency waits"),
            }
        }
    }

    /// Lines of a chain, and the hash of each.
    fn chain(count: usize) -> Vec<(String, Digest)> {
        let (mut head, mut lines) = (Digest::default(), Vec::new());
        for (n, record) in (1..).zip(records("r", count)) {
            let mut out = String::new();
            head = line::write(&mut out, n, &record, head);
            lines.push((out, head));
        }
        lines
    }

    async fn ship(archive: &FakeAuditArchive, id: ChainId, day: i32, first: u64, lines: &[(String, Digest)]) {
        let text: String = lines.iter().map(|(line, _)| line.as_str()).collect();
        let entries = u32::try_from(lines.len()).unwrap();
        let head = lines.last().unwrap().1;
        let block = Block { day, first_index: first, entries, lines: Bytes::from(text), head };
        archive.ship(id, &block).await.unwrap();
    }

    fn anchor(chain: ChainId, entry: u64, hash: Digest) -> Anchor {
        Anchor { chain, head: Head { entry, hash }, at: Timestamp::default(), broken_at: None }
    }

    #[tokio::test]
    async fn chains_of_all_nodes_are_read_and_what_this_node_has_not_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (chain(30), chain(20));
        let text: String = own.iter().map(|(line, _)| line.as_str()).collect();
        std::fs::write(folder.path().join("audit-000000000001.log"), text).unwrap();
        let archive = FakeAuditArchive::new(1);
        ship(&archive, OWN, 20_000, 1, &own[..10]).await;
        ship(&archive, OWN, 20_001, 11, &own[10..20]).await;
        ship(&archive, OTHER, 20_000, 1, &other).await;
        let archived = Archived { archive, waiting: Now, own: (OWN, folder.path().to_owned()), now: NOW };
        let mut seen = Vec::new();
        let anchors = [anchor(OWN, 25, own[24].1), anchor(OTHER, 20, other[19].1)];
        let reports = archived.read(&anchors, None, |chain, _| seen.push(chain.to_owned())).unwrap();
        let told: Vec<_> = reports.iter().map(|r| (r.holds, r.first, r.last)).collect();
        assert_eq!(told, [(true, 1, 30), (true, 1, 20)], "{reports:?}");
        assert_eq!(seen.len(), 50);
        assert!(reports.iter().all(|report| report.anchors[0].verdict == "holds"));
    }

    #[tokio::test]
    async fn a_cut_tail_a_changed_block_and_a_chain_that_is_gone_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let lines = chain(20);
        let archive = FakeAuditArchive::new(1);
        ship(&archive, OTHER, 20_000, 1, &lines[..10]).await;
        let mut changed = lines[10..].to_vec();
        changed[3].0 = changed[3].0.replacen("\"at\":\"2027", "\"at\":\"2026", 1);
        let archived = Archived {
            archive: archive.clone(),
            waiting: Now,
            own: (OWN, folder.path().to_owned()),
            now: NOW,
        };
        let gone = ChainId([3; 8]);
        let anchors = [anchor(OTHER, 12, lines[11].1), anchor(gone, 4, Digest::of(b"gone"))];
        let fresh = Anchor { at: NOW, ..anchors[0] };
        let reports = archived.read(&[fresh], None, |_, _| ()).unwrap();
        assert!(reports.iter().all(|report| report.holds), "it may be on its way: {reports:?}");
        let reports = archived.read(&anchors, None, |_, _| ()).unwrap();
        let findings: Vec<_> = reports.iter().flat_map(|report| &report.findings).collect();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.contains("its end was cut off")));
        ship(&archive, OTHER, 20_000, 11, &changed).await;
        let reports = archived.read(&anchors[..1], None, |_, _| ()).unwrap();
        let other = reports.iter().find(|report| report.chain == OTHER.to_string()).unwrap();
        assert_eq!((other.holds, other.last), (false, 13));
        assert!(other.findings[0].contains("entry 14 was changed"), "{:?}", other.findings);
    }
}

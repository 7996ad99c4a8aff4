//! The audit log of each node, copied block by block to where the writer of its files cannot reach it (invariant 10).
//!
//! Files come first: what is answered for is in them. The copy follows within a second or two while Cassandra answers, and
//! goes on where it stopped after any outage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_cassandra::audit::{self, AuditArchive};
use pix_stream_adapter_embedded::audit_log::{Block, Tail};
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;

use crate::metrics::AUDIT_SHIPPED;

/// How often new entries are looked for, and how long after a failure.
const EVERY: Duration = Duration::from_secs(1);
/// Bytes of one block, about; a line may go over it.
const BLOCK_BYTES: usize = 128 * 1024;
/// The file that names the chain of a folder.
const NAME_FILE: &str = "chain";

/// Copies the log in `folder` until the process ends.
pub async fn run(archive: AuditArchive, folder: PathBuf, means: (Arc<dyn Clock>, Arc<dyn Entropy>)) {
    let (clock, entropy) = means;
    let (mut place, mut is_failing) = (None, false);
    loop {
        let outcome = follow(&archive, &folder, &mut place, &*clock, &*entropy).await;
        match &outcome {
            Ok(()) if is_failing => tracing::info!("the audit log is copied again"),
            Err(why) if !is_failing => {
                tracing::warn!(%why, "the audit log is not copied to Cassandra for now")
            }
            Ok(()) | Err(_) => {}
        }
        is_failing = outcome.is_err();
        if is_failing {
            // What became of a block is not known, and by now a longer one may start at its first entry, which would be
            // refused in its place for ever: go on behind what the archive says it has.
            place = None;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// A log and how far it is copied.
struct Place {
    name: String,
    tail: Tail,
}

/// Copies what is new.
async fn follow(
    archive: &AuditArchive,
    folder: &Path,
    place: &mut Option<Place>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let current = match place {
        Some(current) => current,
        None => {
            let name = chain_name(folder, entropy).map_err(|error| Error::Unavailable(error.to_string()))?;
            let next = archive.last(&name).await?.map_or(1, |end| end.next_index);
            place.insert(Place { tail: Tail::before(folder, next), name })
        }
    };
    while let Some(block) = read(current).await? {
        let day = audit::day_of(clock.now());
        let entries = u32::try_from(block.last - block.first + 1).unwrap_or(u32::MAX);
        let (first_index, head) = (block.first, block.head);
        let lines = Bytes::from(block.lines.clone());
        archive.ship(&current.name, &audit::Block { day, first_index, entries, lines, head }).await?;
        current.tail.advance(&block);
        ::metrics::counter!(AUDIT_SHIPPED).increment(entries.into());
    }
    Ok(())
}

/// The next block; files are read where blocking is no harm.
async fn read(place: &mut Place) -> Result<Option<Block>, Error> {
    let mut tail = std::mem::replace(&mut place.tail, Tail::before(Path::new(""), 1));
    let reading = tokio::task::spawn_blocking(move || {
        let block = tail.read(BLOCK_BYTES);
        (tail, block)
    });
    let (tail, block) = reading.await.map_err(|error| Error::Unavailable(error.to_string()))?;
    place.tail = tail;
    block.map_err(|error| Error::Unavailable(error.to_string()))
}

/// The name of the chain of a folder: made once, and kept beside its files, because host names and ports change hands.
fn chain_name(folder: &Path, entropy: &dyn Entropy) -> std::io::Result<String> {
    let path = folder.join(NAME_FILE);
    match std::fs::read_to_string(&path) {
        Ok(name) if name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => return Ok(name),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut random = [0; 8];
    entropy.fill(&mut random);
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&path, &name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn a_chain_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let name = chain_name(folder.path(), &Counting).unwrap();
        assert_eq!(name, "0707070707070707");
        std::fs::write(folder.path().join(NAME_FILE), "00000000000000ff").unwrap();
        assert_eq!(chain_name(folder.path(), &Counting).unwrap(), "00000000000000ff");
        std::fs::write(folder.path().join(NAME_FILE), "torn").unwrap();
        assert_eq!(chain_name(folder.path(), &Counting).unwrap(), name);
    }
}

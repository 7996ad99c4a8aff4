//! Which region gives a participant's messages their order: its name, its epoch, its lease (design, section 8).

use std::sync::Arc;

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::regions::{Regions, Sequencing};

/// What this node knows of the regions. Clones share it.
#[derive(Clone)]
pub struct CassandraRegions {
    name: Arc<str>,
}

impl CassandraRegions {
    /// A cluster in one place: everything is sequenced here, in epoch zero.
    #[must_use]
    pub fn alone() -> Self {
        Self { name: "".into() }
    }

    /// The name of this region; empty for a cluster in one place.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In which epoch this region gives a participant's messages their order; `None` while it does not. Costs no I/O.
    /// It rises whenever another region takes over, so that what was decided before is told from what comes after.
    #[must_use]
    pub fn epoch(&self, ispb: Ispb) -> Option<u32> {
        (self.sequencing(ispb) == Sequencing::Here).then_some(0)
    }
}

impl Regions for CassandraRegions {
    fn sequencing(&self, _: Ispb) -> Sequencing {
        Sequencing::Here
    }
}

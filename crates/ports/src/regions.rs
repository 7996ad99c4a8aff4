//! Regions: which of several data centres gives a participant's messages their order (design, section 8).

use pix_stream_domain::ispb::Ispb;

/// Knows which region sequences a participant. Exactly one may, because serial writes of two data centres do not see
/// each other.
pub trait Regions: Send + Sync + 'static {
    /// Where a participant is served now. Costs no I/O: it is kept up to date in the background, and says
    /// [`Sequencing::Nobody`] as soon as this region's own claim is no longer certain.
    fn sequencing(&self, ispb: Ispb) -> Sequencing;
}

/// Where a participant is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequencing {
    /// In this region.
    Here,
    /// In another one.
    Elsewhere {
        /// Its name.
        region: Box<str>,
    },
    /// In none for now: the claim of the region that owns it is over or not certain.
    Nobody {
        /// Why, for the log.
        why: Box<str>,
    },
}

/// One region alone: everything is served here.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneRegion;

impl Regions for OneRegion {
    fn sequencing(&self, _: Ispb) -> Sequencing {
        Sequencing::Here
    }
}

//! Whose a row is, where several regions share the tables: ADR 0019, "Several regions".
//!
//! Each region coordinates in a Redis and in serial writes of its own data centre, and sees what the others write there
//! as far as it was replicated. So what another region wrote, or this one before others had the participant, is where a
//! new history starts from, and never one to go on with. And whether others can reach their Redis concerns nobody here.

use std::sync::Arc;

use pix_stream_domain::ispb::Ispb;

use crate::journal::Epochs;
use crate::register::{Mark, Token};

/// Between a region and a node of it. No region has it in its name.
const SEPARATOR: char = '/';

/// The region whose nodes share serial states. Clones are cheap.
#[derive(Clone)]
pub struct Home(Option<Arc<Region>>);

struct Region {
    name: String,
    /// The names of the other regions.
    others: Vec<String>,
    place: u8,
    epochs: Epochs,
}

/// In which epoch this region has a participant, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    /// There is one region alone: nothing is marked, and no mark is looked at.
    Alone,
    /// It is served here.
    Served(Mark),
    /// It is not, as far as this node is certain.
    Elsewhere,
}

/// What a row is to this region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its own, or nobody's: without a mark, by builds that knew of none.
    Ours,
    /// Of another region or an earlier epoch: its history is over, whatever the row says.
    Over,
    /// Of a later epoch than this node knows of: nothing that it decides counts.
    Ahead,
}

impl Home {
    /// A cluster in one place.
    #[must_use]
    pub const fn alone() -> Self {
        Self(None)
    }

    /// The region `name` of `all`, which are listed in the same order on every node, and in which epoch it has each
    /// participant (`None`: not for certain). With fewer than two regions as [`Home::alone`].
    #[must_use]
    pub fn new(name: &str, all: &[String], epochs: Epochs) -> Self {
        let Some(place) = all.iter().position(|region| region == name).filter(|_| all.len() > 1) else {
            return Self::alone();
        };
        // Of regions beyond all reason two may share a number; their epochs differ.
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        let others = all.iter().filter(|region| *region != name).cloned().collect();
        Self(Some(Arc::new(Region { name: name.to_owned(), others, place, epochs })))
    }

    /// Where a participant is served now. Costs no I/O.
    pub(super) fn here(&self, ispb: Ispb) -> Here {
        let Some(region) = &self.0 else { return Here::Alone };
        let mark = (region.epochs)(ispb).map(|epoch| Mark { place: region.place, epoch });
        mark.map_or(Here::Elsewhere, Here::Served)
    }

    /// A node of this region, as it is written.
    pub(super) fn sign(&self, node: &str) -> String {
        self.0.as_ref().map_or_else(|| node.to_owned(), |home| format!("{}{SEPARATOR}{node}", home.name))
    }

    /// The node that was written, if it concerns this region: it is not of one that is known to be another. Whatever
    /// else stands there is from a build, or a configuration, without regions.
    pub(super) fn find_fellow<'a>(&self, written: &'a str) -> Option<&'a str> {
        let Some((home, (region, node))) = self.0.as_ref().zip(written.split_once(SEPARATOR)) else {
            return Some(written);
        };
        if region == home.name {
            return Some(node);
        }
        (!home.others.iter().any(|other| other == region)).then_some(written)
    }
}

impl Here {
    /// What is written here is marked with.
    pub(super) fn mark(self) -> Option<Mark> {
        match self {
            Self::Served(mark) => Some(mark),
            Self::Alone | Self::Elsewhere => None,
        }
    }

    /// What the row with this token is to this region.
    pub(super) fn weigh(self, token: Option<Token>) -> Standing {
        match (self, token.and_then(Mark::of)) {
            (Self::Alone, _) | (_, None) => Standing::Ours,
            (Self::Elsewhere, Some(_)) => Standing::Over,
            (Self::Served(here), Some(mark)) if mark == here => Standing::Ours,
            (Self::Served(here), Some(mark)) if mark.epoch > here.epoch => Standing::Ahead,
            (Self::Served(_), Some(_)) => Standing::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str, epoch: Option<u32>) -> Home {
        Home::new(name, &["sp".to_owned(), "rj".to_owned()], Arc::new(move |_| epoch))
    }

    fn weigh(home: &Home, token: Option<Token>) -> Standing {
        home.here("00000001".parse().unwrap()).weigh(token)
    }

    fn written(place: u8, epoch: u32) -> Option<Token> {
        Some(Mark { place, epoch }.on([9; 16]))
    }

    #[test]
    fn a_row_of_another_region_or_an_earlier_epoch_is_over() {
        let rj = home("rj", Some(5));
        assert_eq!(weigh(&rj, written(1, 5)), Standing::Ours);
        assert_eq!(weigh(&rj, written(1, 4)), Standing::Over, "others had it since");
        assert_eq!(weigh(&rj, written(0, 4)), Standing::Over, "it was taken over from there");
        assert_eq!(weigh(&rj, written(0, 5)), Standing::Over, "two take-overs at once");
    }

    #[test]
    fn what_was_written_in_a_later_epoch_is_nothing_to_decide_on() {
        assert_eq!(weigh(&home("rj", Some(5)), written(1, 6)), Standing::Ahead);
        assert_eq!(weigh(&home("rj", Some(5)), written(0, 6)), Standing::Ahead);
    }

    #[test]
    fn rows_without_a_mark_are_ours() {
        for home in [home("sp", Some(5)), home("sp", None), Home::alone()] {
            assert_eq!(weigh(&home, Some([9; 16])), Standing::Ours);
            assert_eq!(weigh(&home, None), Standing::Ours);
        }
    }

    #[test]
    fn what_is_marked_is_over_where_it_is_not_served() {
        let sp = home("sp", None);
        assert_eq!(weigh(&sp, written(0, 5)), Standing::Over);
        assert_eq!(weigh(&sp, written(1, 6)), Standing::Over);
    }

    #[test]
    fn one_region_alone_marks_nothing_and_looks_at_no_mark() {
        let one = Home::new("sp", &["sp".to_owned()], Arc::new(|_| Some(3)));
        for home in [one, Home::alone()] {
            assert_eq!(home.here("00000001".parse().unwrap()).mark(), None);
            assert_eq!(weigh(&home, written(1, 6)), Standing::Ours);
            assert_eq!(home.sign("a"), "a");
            assert_eq!(home.find_fellow("rj/a"), Some("rj/a"));
        }
    }

    #[test]
    fn nodes_of_other_regions_are_no_fellows() {
        let sp = home("sp", Some(1));
        assert_eq!(sp.sign("a"), "sp/a");
        assert_eq!(sp.find_fellow("sp/a"), Some("a"));
        assert_eq!(sp.find_fellow("rj/a"), None);
        assert_eq!(sp.find_fellow("a"), Some("a"), "by an older build");
        assert_eq!(sp.find_fellow("bh/a"), Some("bh/a"), "who knows");
    }
}

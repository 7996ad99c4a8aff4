//! Which message types are switched on: for all participants, and for one of them.
//!
//! What is not said is on. A participant's own switch goes before the one for all.

use std::collections::BTreeMap;

use crate::ispb::Ispb;

/// Most switches that may be set, so that they stay one small record.
pub const SWITCHES_MAX: usize = 4096;

/// The switches of all message types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switches {
    /// Rises with every change, from zero before the first: a change decided on an older revision is refused.
    pub revision: u64,
    set: BTreeMap<(Box<str>, Option<Ispb>), bool>,
}

/// There are [`SWITCHES_MAX`] switches already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {SWITCHES_MAX} switches are set; clear some first")]
pub struct TooMany;

impl Switches {
    /// Whether a message type is on for a participant; for `None`, what holds for those without a switch of their
    /// own.
    #[must_use]
    pub fn is_on(&self, message_type: &str, ispb: Option<Ispb>) -> bool {
        let find = |ispb| self.set.get(&(Box::from(message_type), ispb)).copied();
        ispb.and_then(|ispb| find(Some(ispb))).or_else(|| find(None)).unwrap_or(true)
    }

    /// Sets a switch, or clears it (`None`). Returns whether that changed it; the revision is the caller's to raise.
    ///
    /// # Errors
    /// There are as many as may be.
    pub fn set(&mut self, message_type: &str, ispb: Option<Ispb>, on: Option<bool>) -> Result<bool, TooMany> {
        let key = (Box::from(message_type), ispb);
        let before = self.set.get(&key).copied();
        match on {
            Some(_) if before.is_none() && self.set.len() >= SWITCHES_MAX => return Err(TooMany),
            Some(on) => drop(self.set.insert(key, on)),
            None => drop(self.set.remove(&key)),
        }
        Ok(before != on)
    }

    /// Every switch that is set: message type, participant (`None`: all), state; sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<Ispb>, bool)> {
        self.set.iter().map(|((message_type, ispb), on)| (&**message_type, *ispb, *on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participants_own_switch_goes_before_the_one_for_all() {
        let one: Ispb = "99999001".parse().unwrap();
        let mut switches = Switches::default();
        assert!(switches.is_on("pacs.008.spi.1.16", Some(one)));
        assert_eq!(switches.set("pacs.008.spi.1.16", None, Some(false)), Ok(true));
        assert_eq!(switches.set("pacs.008.spi.1.16", None, Some(false)), Ok(false));
        assert!(!switches.is_on("pacs.008.spi.1.16", None));
        assert!(!switches.is_on("pacs.008.spi.1.16", Some(one)));
        assert_eq!(switches.set("pacs.008.spi.1.16", Some(one), Some(true)), Ok(true));
        assert!(switches.is_on("pacs.008.spi.1.16", Some(one)));
        assert!(!switches.is_on("pacs.008.spi.1.16", None));
        assert_eq!(switches.set("pacs.008.spi.1.16", Some(one), None), Ok(true));
        assert!(!switches.is_on("pacs.008.spi.1.16", Some(one)));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut switches = Switches::default();
        for n in 0..SWITCHES_MAX {
            assert_eq!(switches.set(&format!("t{n}"), None, Some(false)), Ok(true));
        }
        assert_eq!(switches.set("one more", None, Some(false)), Err(TooMany));
        assert_eq!(switches.set("t0", None, Some(true)), Ok(true));
        assert_eq!(switches.set("t0", None, None), Ok(true));
        assert_eq!(switches.iter().count(), SWITCHES_MAX - 1);
    }
}

//! The switches of message types: one small record in the Journal, of which each node holds a copy.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_calls::store::{JOURNAL_LOAD_SWITCHES, JOURNAL_SAVE_SWITCHES, READ_DEADLINE, WRITE_DEADLINE};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::switches::Switches;
use pix_stream_ports::Ports;
use pix_stream_ports::journal::Journal as _;

use crate::Registry;

/// What became of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switched {
    /// All switches, as they are now; for a dry run, as they would be.
    pub switches: Switches,
    /// Whether they are others than before, and that was saved.
    pub saved: bool,
    /// How the switch stood, if it was set.
    pub before: Option<bool>,
}

impl<P: Ports> Registry<P> {
    /// The switches, as this node knows them.
    #[must_use]
    pub fn switches(&self) -> Arc<Switches> {
        self.switches.load_full()
    }

    /// Looks at the Journal for newer switches.
    ///
    /// # Errors
    /// The Journal cannot be read.
    pub async fn load_switches(&self, deadline: Duration) -> Result<(), Error> {
        let load = self.ports.journal().load_switches();
        let loaded = JOURNAL_LOAD_SWITCHES.run(deadline, load).await?;
        self.learn_switches(loaded);
        Ok(())
    }

    /// Keeps the newer of what is known and what was learnt: a read that took long must not undo a change.
    fn learn_switches(&self, learnt: Switches) {
        let learnt = Arc::new(learnt);
        self.switches.rcu(|known| Arc::clone(if learnt.revision > known.revision { &learnt } else { known }));
    }

    /// Sets a switch, or clears it (`None`).
    ///
    /// # Errors
    /// `Refused` when too many switches are set or somebody else changed one at the same time, `Unavailable`.
    pub async fn set_switch(
        self: &Arc<Self>,
        message_type: &str,
        ispb: Option<Ispb>,
        on: Option<bool>,
        dry_run: bool,
    ) -> Result<Switched, Error> {
        let mut switches = Switches::clone(&self.switches());
        let find = |(name, owner, on): (&str, Option<Ispb>, bool)| {
            (name == message_type && owner == ispb).then_some(on)
        };
        let before = switches.iter().find_map(find);
        let changes = switches
            .set(message_type, ispb, on)
            .map_err(|too_many| Error::Refused(AdminRefusal::Value(too_many.to_string())))?;
        if !changes || dry_run {
            return Ok(Switched { switches, saved: false, before });
        }
        switches.revision += 1;
        let save = self.ports.journal().save_switches(switches.clone());
        if JOURNAL_SAVE_SWITCHES.run(WRITE_DEADLINE, save).await? {
            self.learn_switches(switches.clone());
            self.tell();
            return Ok(Switched { switches, saved: true, before });
        }
        // Another node was faster: know what it did before anybody decides again.
        self.load_switches(READ_DEADLINE).await?;
        Err(Error::Refused(AdminRefusal::Raced))
    }
}

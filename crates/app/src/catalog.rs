//! Message types: which are accepted, and the operator's switches for all participants or one of them.
//!
//! The switches are one small record in the Journal. Each node holds a copy and looks for changes of others every
//! few seconds, so a switch holds everywhere that much later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::switches::Switches;
use pix_stream_ports::Ports;
use pix_stream_ports::codec::{Codec as _, Examined, Finding, Rule};
use pix_stream_ports::journal::Journal as _;

use crate::App;
use crate::api::{Actor, TypeStatus};
use crate::core::Core;
use crate::participants::tried;
use pix_stream_calls::store::{JOURNAL_LOAD_SWITCHES, JOURNAL_SAVE_SWITCHES, READ_DEADLINE, WRITE_DEADLINE};
use pix_stream_calls::{AdminRefusal, Error};

/// How much of a name that an operator gave stands in the audit log when it is refused, in characters.
const REFUSED_NAME_MAX: usize = 64;

impl<P: Ports> App<P> {
    /// The message types that a schema is loaded for and that are switched on, for a participant or for those
    /// without a switch of their own; sorted.
    #[must_use]
    pub fn catalog(&self, ispb: Option<Ispb>) -> Vec<String> {
        let switches = self.0.switches.load();
        let mut types = self.0.ports.codec().catalog();
        types.retain(|message_type| switches.is_on(message_type, ispb));
        types
    }

    /// Every message type that a schema is loaded for or that has a switch, sorted.
    #[must_use]
    pub fn types(&self) -> Vec<TypeStatus> {
        let switches = self.0.switches.load();
        let loaded: BTreeSet<String> = self.0.ports.codec().catalog().into_iter().collect();
        let mut types = loaded.clone();
        types.extend(switches.iter().map(|(message_type, ..)| message_type.to_owned()));
        let status = |name: String| type_status(&switches, loaded.contains(&name), name);
        types.into_iter().map(status).collect()
    }

    /// Switches a message type on or off for a participant, or for all without a switch of their own; `None` for
    /// `on` clears the switch. A dry run says what would hold. When it returns, the change survives a crash; other
    /// nodes follow within seconds.
    ///
    /// # Errors
    /// `NotOnboarded`; `Refused` when messages of the type cannot pass (none is loaded, and it does not pass without
    /// one) and no switch is set for it, when too many switches are set, or when somebody else changed one at the same time; `Unavailable`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is switched, for whom, how, whether for real, by whom"
    )]
    pub async fn switch_type(
        &self,
        message_type: &str,
        ispb: Option<Ispb>,
        on: Option<bool>,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<TypeStatus, Error> {
        self.0.audit.wait_for_room(READ_DEADLINE).await?;
        let command = match on {
            Some(true) => "type.enable",
            Some(false) => "type.disable",
            None => "type.clear",
        };
        let done = self.0.set_switch(message_type, ispb, on, dry_run).await;
        match &done {
            Ok((_, false)) => {}
            Ok((_, true)) => self.0.note_admin(ispb, command, Ok(message_type), actor).await,
            Err(error) => {
                let name: String = message_type.chars().take(REFUSED_NAME_MAX).collect();
                let told = format!("{name:?}: {}{error}", tried(dry_run));
                self.0.note_admin(ispb, command, Err(&told), actor).await;
            }
        }
        done.map(|(status, _)| status)
    }
}

impl<P: Ports> Core<P> {
    /// Looks at the Journal for newer switches.
    pub(crate) async fn load_switches(&self, deadline: Duration) -> Result<(), Error> {
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

    /// Refuses the first message whose type is switched off for the participant.
    pub(crate) fn check_switches(&self, ispb: Ispb, examined: &[Examined]) -> Result<(), Error> {
        let switches = self.switches.load();
        let is_off = |examined: &Examined| !switches.is_on(&examined.message_type, Some(ispb));
        let Some(index) = examined.iter().position(is_off) else { return Ok(()) };
        let finding = Finding {
            line: 1,
            column: 1,
            path: "Envelope".to_owned(),
            rule: Rule::DisabledType,
            reason: format!("{} is switched off", examined[index].message_type),
            value: None,
        };
        Err(Error::InvalidMessage { part: index + 1, fault: Box::new(finding.into()) })
    }

    /// Sets a switch. Returns how the type stands, or would stand, and whether anything was changed.
    async fn set_switch(
        self: &Arc<Self>,
        message_type: &str,
        ispb: Option<Ispb>,
        on: Option<bool>,
        dry_run: bool,
    ) -> Result<(TypeStatus, bool), Error> {
        if let Some(ispb) = ispb {
            self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        }
        let mut switches = Switches::clone(&self.switches.load());
        let is_loaded = self.ports.codec().catalog().iter().any(|loaded| loaded == message_type);
        let is_switched = || switches.iter().any(|(known, ..)| known == message_type);
        if !self.ports.codec().takes(message_type) && !is_switched() {
            let why = "no schema is loaded for this message type, it does not pass without one, and no switch is set \
                       for it";
            return Err(Error::Refused(AdminRefusal::Value(why.to_owned())));
        }
        let changes = switches
            .set(message_type, ispb, on)
            .map_err(|too_many| Error::Refused(AdminRefusal::Value(too_many.to_string())))?;
        let status = type_status(&switches, is_loaded, message_type.to_owned());
        if !changes || dry_run {
            return Ok((status, false));
        }
        switches.revision += 1;
        let save = self.ports.journal().save_switches(switches.clone());
        if JOURNAL_SAVE_SWITCHES.run(WRITE_DEADLINE, save).await? {
            self.learn_switches(switches);
            self.tell_registry();
            return Ok((status, true));
        }
        // Another node was faster: know what it did before anybody decides again.
        self.load_switches(READ_DEADLINE).await?;
        Err(Error::Refused(AdminRefusal::Raced))
    }
}

fn type_status(switches: &Switches, is_loaded: bool, message_type: String) -> TypeStatus {
    let own = switches.iter().filter(|(name, ..)| *name == message_type);
    let own = own.filter_map(|(_, ispb, on)| ispb.map(|ispb| (ispb, on))).collect();
    TypeStatus { is_loaded, on: switches.is_on(&message_type, None), own, message_type }
}

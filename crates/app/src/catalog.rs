//! Message types: which are accepted, and the operator's switches for all participants or one of them.
//!
//! The switches are one small record in the Journal. Each node holds a copy and looks for changes of others every
//! few seconds, so a switch holds everywhere that much later.

use std::collections::BTreeSet;
use std::sync::Arc;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::switches::Switches;
use pix_stream_ports::Ports;
use pix_stream_ports::codec::{Codec as _, Examined, Finding, Rule};

use crate::App;
use crate::api::TypeStatus;
use crate::core::Core;
use crate::participants::tried;
use pix_stream_calls::store::READ_DEADLINE;
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_registry::Actor;

/// How much of a name that an operator gave stands in the audit log when it is refused, in characters.
const REFUSED_NAME_MAX: usize = 64;

impl<P: Ports> App<P> {
    /// The message types that a schema is loaded for and that are switched on, for a participant or for those
    /// without a switch of their own; sorted.
    #[must_use]
    pub fn catalog(&self, ispb: Option<Ispb>) -> Vec<String> {
        let switches = self.0.registry.switches();
        let mut types = self.0.ports.codec().catalog();
        types.retain(|message_type| switches.is_on(message_type, ispb));
        types
    }

    /// Every message type that a schema is loaded for or that has a switch, sorted.
    #[must_use]
    pub fn types(&self) -> Vec<TypeStatus> {
        let switches = self.0.registry.switches();
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
            Ok((_, None)) => {}
            Ok((_, Some(told))) => self.0.registry.note(ispb, command, Ok(told), actor).await,
            Err(error) => {
                let name: String = message_type.chars().take(REFUSED_NAME_MAX).collect();
                let told = format!("{name:?}: {}{error}", tried(dry_run));
                self.0.registry.note(ispb, command, Err(&told), actor).await;
            }
        }
        done.map(|(status, _)| status)
    }
}

impl<P: Ports> Core<P> {
    /// Refuses the first message whose type is switched off for the participant.
    pub(crate) fn check_switches(&self, ispb: Ispb, examined: &[Examined]) -> Result<(), Error> {
        let switches = self.registry.switches();
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

    /// Sets a switch. Returns how the type stands, or would stand, and what was changed, if anything was.
    async fn set_switch(
        self: &Arc<Self>,
        message_type: &str,
        ispb: Option<Ispb>,
        on: Option<bool>,
        dry_run: bool,
    ) -> Result<(TypeStatus, Option<String>), Error> {
        if let Some(ispb) = ispb {
            self.registry.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        }
        let is_loaded = self.ports.codec().catalog().iter().any(|loaded| loaded == message_type);
        let is_switched = || self.registry.switches().iter().any(|(known, ..)| known == message_type);
        if !self.ports.codec().takes(message_type) && !is_switched() {
            let why = "no schema is loaded for this message type, it does not pass without one, and no switch is set \
                       for it";
            return Err(Error::Refused(AdminRefusal::Value(why.to_owned())));
        }
        let switched = self.registry.set_switch(message_type, ispb, on, dry_run).await?;
        let shown = |on: Option<bool>| on.map_or("unset", |on| if on { "on" } else { "off" });
        let told = || format!("{message_type} {} -> {}", shown(switched.before), shown(on));
        let status = type_status(&switched.switches, is_loaded, message_type.to_owned());
        Ok((status, switched.saved.then(told)))
    }
}

fn type_status(switches: &Switches, is_loaded: bool, message_type: String) -> TypeStatus {
    let own = switches.iter().filter(|(name, ..)| *name == message_type);
    let own = own.filter_map(|(_, ispb, on)| ispb.map(|ispb| (ispb, on))).collect();
    TypeStatus { is_loaded, on: switches.is_on(&message_type, None), own, message_type }
}

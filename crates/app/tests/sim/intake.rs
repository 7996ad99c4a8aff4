//! Unattended intake of what must be refused: messages for somebody else, and of a type that is switched off. What
//! was answered as kept is in the quarantine from then on, whatever crashes; at the end the latter are released, and
//! delivered like any other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Actor, EntryId, Error, Publish, Published, Taken};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::switches::Switches;
use pix_stream_ports::journal::Journal as _;
use pix_stream_testkit::fake::SplitMix64;

use crate::world::World;

const OPERATOR: Actor<'_> = Actor { name: "sim", request_id: "sim", reason: "" };
/// The type that is switched off until the end.
const TYPE_OFF: &str = "pacs.009.spi.1.1";
/// Nobody here.
const SOMEBODY_ELSE: &str = "12345678";

/// What goes in unattended for one participant.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) ispb: Ispb,
    pub(crate) seed: u64,
}

/// Switches the type off, before anything goes wrong.
pub(crate) async fn switch_off(world: &World) {
    let mut switches = Switches::default();
    switches.revision = 1;
    let set = switches.set(TYPE_OFF, None, Some(false));
    let saved = world.stores.journal.save_switches(switches).await;
    if set != Ok(true) || saved != Ok(true) {
        world.oracle.accuse("the type could not be switched off".to_owned());
    }
}

/// Sends until the world ends.
pub(crate) async fn run(world: Arc<World>, intake: Intake) {
    let mut random = SplitMix64::new(intake.seed);
    let mut made = 0;
    while !world.is_over() {
        world.pause(Duration::from_millis(1 + random.below(1_500))).await;
        made += 1;
        let id = format!("Q{made}");
        let xml = if random.chance(500) {
            format!("<m id=\"{id}\" to=\"{SOMEBODY_ELSE}\"></m>")
        } else {
            format!("<m type=\"{TYPE_OFF}\" id=\"{id}\" to=\"{}\"></m>", intake.ispb)
        };
        insist(&world, intake.ispb, Bytes::from(xml), &mut random).await;
    }
}

/// Sends until the outcome is known.
async fn insist(world: &World, ispb: Ispb, xml: Bytes, random: &mut SplitMix64) {
    while !world.is_over() {
        let faults = world.stores.quarantine.faults();
        faults.fail_next(u32::from(random.chance(100)));
        faults.lose_next_answers(u32::from(random.chance(100)));
        let patience = random.chance(50).then(|| Duration::from_millis(random.below(20)));
        let Some(node) = world.any_node(random) else {
            world.pause(Duration::from_millis(50)).await;
            continue;
        };
        let publish = Publish { ispb, actor: "sim", request_id: "sim", messages: vec![xml.clone()] };
        match world.ask(&node, patience, node.app.take_in(publish)).await {
            Some(Ok(Taken::Quarantined(quarantined))) => {
                world.oracle.quarantined(ispb, quarantined.id);
                world.kept().push((quarantined.id, xml));
                check_kept(world);
                return;
            }
            Some(Ok(Taken::Published(published))) => {
                return world.oracle.accuse(format!("a refused message was published: {published:?}"));
            }
            Some(Err(Error::Unavailable { .. } | Error::Overloaded { .. })) | None => {
                world.pause(Duration::from_millis(20 + random.below(300))).await;
            }
            Some(Err(other)) => {
                return world.oracle.accuse(format!("unattended intake was refused for good: {other}"));
            }
        }
    }
}

/// What was answered as kept is there, byte for byte.
fn check_kept(world: &World) {
    let entries = world.stores.quarantine.peek_entries();
    let is_there = |(id, xml): &(EntryId, Bytes)| {
        entries.iter().any(|entry| entry.summary.id == *id && entry.xml == *xml)
    };
    if let Some((id, _)) = world.kept().iter().find(|kept| !is_there(kept)) {
        world.oracle.accuse(format!("entry {id} was acknowledged, and is not in the quarantine"));
    }
}

/// Decides every entry once all is healed: what is fit by now is published, the rest stays refused and is dropped.
pub(crate) async fn settle(world: &World) {
    check_kept(world);
    world.stores.quarantine.faults().clear();
    let Some(node) = world.find_node(0) else { return };
    if let Err(error) = node.app.switch_type(TYPE_OFF, None, None, false, OPERATOR).await {
        world.oracle.accuse(format!("the type could not be switched on again: {error}"));
    }
    for entry in world.stores.quarantine.peek_entries() {
        let (id, ispb) = (entry.summary.id, entry.summary.ispb);
        let text = String::from_utf8_lossy(&entry.xml).into_owned();
        let batch = [(business_id(&text), entry.xml)];
        let is_fit = text.contains(TYPE_OFF);
        if is_fit {
            world.oracle.publish(ispb, &batch);
        }
        match node.app.quarantine_release(id, false, OPERATOR).await {
            Ok(released) if is_fit => {
                let published: Vec<Published> = released.published.into_iter().collect();
                if published.iter().any(|one| one.is_repeat) {
                    world.oracle.accuse(format!("entry {id} was published before its release"));
                }
                world.oracle.published(ispb, &batch, &Ok(published));
            }
            Err(Error::InvalidMessage { .. }) if !is_fit => {
                if let Err(error) = node.app.quarantine_drop(id, false, OPERATOR).await {
                    world.oracle.accuse(format!("entry {id} could not be dropped: {error}"));
                }
            }
            other => world.oracle.accuse(format!("the release of entry {id}: {other:?}")),
        }
    }
    if !world.stores.quarantine.peek_entries().is_empty() {
        world.oracle.accuse("entries are left in the quarantine".to_owned());
    }
}

fn business_id(xml: &str) -> String {
    let id = xml.split_once("id=\"").and_then(|(_, rest)| rest.split_once('"'));
    id.map_or_else(String::new, |(id, _)| id.to_owned())
}

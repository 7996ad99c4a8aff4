//! Who serves whose participants, in the audit log of every node: commands of `pix-stream regions` and take-overs by
//! policy change it behind the nodes' backs, and an auditor must see it all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use pix_stream_adapter_cassandra::regions::{CassandraRegions, Holding};
use pix_stream_app::{Actor, App, Ports};

/// How often a node looks at what it knows of the regions; nothing is read for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Notes every change until the node drains.
pub(super) async fn follow<P: Ports>(regions: CassandraRegions, app: App<P>) {
    let mut known = BTreeMap::new();
    while !app.is_draining() {
        for change in changes(&mut known, regions.holdings()) {
            let actor = Actor { name: "regions", request_id: "", reason: "" };
            app.audit_command("region.holder", Ok(&change), actor).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is different from what was known. What is seen for the first time is no change.
fn changes(known: &mut BTreeMap<String, (String, u32)>, holdings: Vec<Holding>) -> Vec<String> {
    let mut changes = Vec::new();
    for Holding { region, holder, epoch, .. } in holdings {
        let now = (holder, epoch);
        match known.get(&region) {
            Some(before) if *before == now => {}
            Some((holder, epoch)) => {
                changes.push(format!("{region}: {holder}, epoch {epoch} -> {}, epoch {}", now.0, now.1));
                known.insert(region, now);
            }
            None => _ = known.insert(region, now),
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(holder: &str, epoch: u32) -> Holding {
        Holding { region: "dc1".to_owned(), holder: holder.to_owned(), epoch, is_here: false }
    }

    #[test]
    fn a_take_over_is_told_once_with_what_was_before() {
        let mut known = BTreeMap::new();
        assert!(changes(&mut known, vec![holding("dc1", 1)]).is_empty());
        assert_eq!(changes(&mut known, vec![holding("dc2", 2)]), ["dc1: dc1, epoch 1 -> dc2, epoch 2"]);
        assert!(changes(&mut known, vec![holding("dc2", 2)]).is_empty());
    }
}

//! The rules of regions (design, section 8): one of them at a time may give sequence numbers.

use crate::Config;
use crate::check::shown;
use crate::read::Findings;
use crate::value::{JournalKind, LostQuorum, Takeover, is_name};

/// Data centres of which one may be lost and a majority is left.
const DATACENTERS_FOR_MAJORITY: usize = 3;
/// Requests that fit into a lease, so that one slow renewal does not end it.
const RENEWALS: u32 = 3;

/// Reports every rule that the configuration breaks.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let region = &config.region;
    if !region.name.is_empty() || !region.all.is_empty() {
        names(config, findings);
    }
    takeover(config, findings);
    times(config, findings);
}

fn names(config: &Config, findings: &mut Findings) {
    let region = &config.region;
    if region.name.is_empty() {
        findings.report(
            &["region.all", "region.name"],
            "there are regions, and region.name does not say which one this server is in".to_owned(),
            "set region.name to one of them, or leave both empty for a cluster in one place",
        );
    } else if !region.all.contains(&region.name) {
        findings.report(
            &["region.name", "region.all"],
            format!("\"{}\" is not one of region.all, [{}]", region.name, region.all.join(", ")),
            "name every region in region.all, the same list on every node",
        );
    }
    let odd = region.all.iter().filter(|name| !is_name(name));
    let odd: Vec<_> = odd.map(|name| format!("\"{name}\"")).collect();
    if !odd.is_empty() {
        findings.report(
            &["region.all"],
            format!("no region can be named {}", odd.join(", ")),
            "letters, digits, `_` and `-`, at most 48",
        );
    }
    let mut distinct = region.all.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < region.all.len() {
        findings.report(&["region.all"], "names a region twice".to_owned(), "once each");
    }
    if config.journal.kind != JournalKind::Cassandra {
        findings.report(
            &["region.name", "region.all", "journal.kind"],
            "regions share a Journal, and journal.kind is \"embedded\"".to_owned(),
            "set journal.kind = \"cassandra\", or leave region.name and region.all empty",
        );
    }
}

fn takeover(config: &Config, findings: &mut Findings) {
    let region = &config.region;
    if region.takeover != Takeover::Automatic {
        return;
    }
    let datacenters = config.cassandra.replication.len().max(region.all.len());
    if datacenters < DATACENTERS_FOR_MAJORITY {
        findings.report(
            &["region.takeover", "region.all", "cassandra.replication"],
            "\"automatic\" needs three data centres: of two, neither can tell a lost one from a lost line"
                .to_owned(),
            "name a third in region.all, or in cassandra.replication alone where it is a witness without servers",
        );
    }
    if region.on_lost_quorum == LostQuorum::Continue {
        findings.report(
            &["region.on_lost_quorum", "region.takeover"],
            "\"continue\" with automatic take-over: two regions would give the same sequence numbers"
                .to_owned(),
            "set on_lost_quorum = \"stop\", or takeover = \"command\"",
        );
    }
}

fn times(config: &Config, findings: &mut Findings) {
    let region = &config.region;
    let silent = region.lease + region.margin;
    if region.takeover_after < silent {
        findings.report(
            &["region.takeover_after", "region.lease", "region.margin"],
            format!(
                "takeover_after ({}) must not be less than lease and margin together ({}): until then the region may go on",
                shown(region.takeover_after),
                shown(silent)
            ),
            "raise region.takeover_after",
        );
    }
    let request = config.cassandra.request_timeout;
    if !region.name.is_empty() && region.lease < request * RENEWALS {
        findings.report(
            &["region.lease", "cassandra.request_timeout"],
            format!(
                "lease ({}) must not be less than {RENEWALS} times cassandra.request_timeout ({}), or one slow renewal ends it",
                shown(region.lease),
                shown(request)
            ),
            "raise region.lease",
        );
    }
}

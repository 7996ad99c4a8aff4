//! The rules of regions (design, section 8): one of them at a time may give sequence numbers.

use std::time::Duration;

use crate::Config;
use crate::check::shown;
use crate::read::Findings;
use crate::value::{JournalKind, LostQuorum, Takeover, is_name};

/// Data centres of which one may be lost and a majority is left.
const DATACENTERS_FOR_MAJORITY: usize = 3;
/// Requests that fit into a lease, so that one slow renewal does not end it.
const RENEWALS: u32 = 3;

/// How long Cassandra may still carry out a write that reached it (`write_request_timeout`, 2 s by default).
const WRITE_LATE: Duration = Duration::from_secs(2);
/// The least time that a connection to Cassandra bears without a sign of the other end.
const UNHEARD_MIN: Duration = Duration::from_secs(1);
/// Data centres of which neither is a majority: claims may rest on one of them alone.
const TWO_SIDES: usize = 2;

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
    if !region.name.is_empty() {
        margins(config, findings);
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

/// What the argument in docs/regions.md leans on.
fn margins(config: &Config, findings: &mut Findings) {
    let region = &config.region;
    let request = config.cassandra.request_timeout;
    let late = request.max(UNHEARD_MIN) + WRITE_LATE;
    if region.margin * 2 < late {
        findings.report(
            &["region.margin", "cassandra.request_timeout"],
            format!(
                "twice the margin ({}) must not be less than {}: a batch that is sent in the last moment may land that much later, \
                 after cassandra.request_timeout and the 2s in which Cassandra gives a write up",
                shown(region.margin * 2),
                shown(late)
            ),
            "raise region.margin, or lower cassandra.request_timeout",
        );
    }
    if region.margin * 2 >= region.lease {
        findings.report(
            &["region.margin", "region.lease"],
            format!(
                "margin ({}) must be less than half of the lease ({}), or hardly any of it is left",
                shown(region.margin),
                shown(region.lease)
            ),
            "raise region.lease, or lower region.margin",
        );
    }
    // A third of a lease until the next round, a quarter in which the other side is waited for, and one request here.
    let round = region.lease * 7 / 12 + request;
    if config.cassandra.replication.len() == TWO_SIDES && round >= region.lease.saturating_sub(region.margin)
    {
        findings.report(
            &["region.lease", "region.margin", "cassandra.request_timeout"],
            format!(
                "with two data centres, margin and cassandra.request_timeout together ({}) must be less than 5/12 of the lease \
                 ({}): or a region that goes on alone does so with gaps",
                shown(region.margin + request),
                shown(region.lease * 5 / 12)
            ),
            "raise region.lease",
        );
    }
}

//! What evidence looks like in answers of the admin API.

use pix_stream_admin::hooks::{
    self, ChainHead, ChainRead, ChainVerified, Delivery, MessageEvidence, Recorded,
};
use pix_stream_domain::audit::Head;
use pix_stream_evidence::journey::{Carried, Place};
use pix_stream_evidence::report::{ChainReport, Walked};
use pix_stream_evidence::rfc3339;
use pix_stream_ports::anchors::Anchor;

/// A message's way; `stored` is the digest of what the Journal holds of it.
pub(super) fn message(walked: Walked, stored: Option<String>) -> MessageEvidence {
    let Walked { verified, journey, chains } = walked;
    let mut findings: Vec<String> = chains.iter().flat_map(|chain| chain.findings.clone()).collect();
    let chains: Vec<ChainRead> = chains.into_iter().map(chain_read).collect();
    let Some(journey) = journey else {
        // Whoever has no way has said that it is missing.
        return MessageEvidence { chains, verified, findings, ..MessageEvidence::default() };
    };
    let is_other = |stored: &String| journey.sha256.as_ref().is_some_and(|digest| digest != stored);
    if stored.as_ref().is_some_and(is_other) {
        findings.push("the Journal holds other bytes than were published".to_owned());
    }
    if journey.unread_entries > 0 {
        findings.push(format!("{} entries of a newer build were left out", journey.unread_entries));
    }
    let first = journey.published.iter().find(|one| !one.repeat).or(journey.published.first());
    let repeats = journey.published.iter().filter(|one| one.repeat);
    let confirmations: Vec<Recorded> = journey
        .confirmed
        .iter()
        .map(|one| recorded(&one.place, Some(&one.token_sha256), None, one.by.to_owned()))
        .collect();
    let returned = journey.returned.iter();
    let moves = journey.moved.iter();
    MessageEvidence {
        resource_id: journey.resource_id,
        ispb: journey.ispb,
        sequence: journey.sequence,
        sha256: journey.sha256,
        published_unix_ms: first.map(|one| millis(&one.place.at)),
        publisher: first.map(|one| one.publisher.clone()),
        repeats: repeats
            .map(|one| recorded(&one.place, None, Some(&one.publisher), "repeat".to_owned()))
            .collect(),
        deliveries: journey.carried.into_iter().map(delivery).collect(),
        confirmed_unix_ms: confirmations.first().map(|one| one.at_unix_ms),
        confirmations,
        returned: returned
            .map(|one| recorded(&one.place, Some(&one.token_sha256), None, "close".to_owned()))
            .collect(),
        moves: moves
            .map(|one| {
                recorded(&one.place, None, Some(&one.actor), format!("{} {}", one.command, one.detail))
            })
            .collect(),
        chains,
        verified: verified && findings.is_empty(),
        findings,
    }
}

fn delivery(carried: Carried) -> Delivery {
    let Carried { place, token_sha256, presented_sha256, replay, session, first: _, last: _ } = carried;
    Delivery {
        at_unix_ms: millis(&place.at),
        chain: place.chain,
        record: place.entry,
        token_sha256,
        presented_sha256,
        replay,
        session,
        request_id: place.request_id,
    }
}

fn recorded(place: &Place, token: Option<&String>, actor: Option<&String>, what: String) -> Recorded {
    Recorded {
        at_unix_ms: millis(&place.at),
        chain: place.chain.clone(),
        record: place.entry,
        request_id: place.request_id.clone(),
        token_sha256: token.cloned(),
        actor: actor.cloned(),
        what,
    }
}

fn chain_read(report: ChainReport) -> ChainRead {
    let ChainReport { chain, holds, first, last, head, .. } = report;
    ChainRead { chain, first, last, head, holds }
}

/// Where this node's chain ends.
pub(super) fn head(head: Head, anchor: Option<&Anchor>) -> ChainHead {
    let anchor = anchor.map(|anchor| hooks::Anchor {
        records: anchor.head.entry,
        head: anchor.head.hash.to_string(),
        at_unix_ms: anchor.at.unix_millis(),
    });
    ChainHead { records: head.entry, head: head.hash.to_string(), anchor }
}

/// What reading all chains showed.
pub(super) fn verified(reports: &[ChainReport]) -> ChainVerified {
    ChainVerified {
        verified: reports.iter().all(|report| report.holds),
        records: reports.iter().map(|report| report.entries).sum(),
        anchors: reports.iter().map(|report| report.anchors.len() as u64).sum(),
        findings: reports.iter().flat_map(|report| report.findings.clone()).collect(),
    }
}

fn millis(at: &str) -> u64 {
    rfc3339::parse(at).unwrap_or_default().unix_millis()
}

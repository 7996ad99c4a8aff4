//! `admin audit`: what the audit log of a running server proves.

use serde::Deserialize;
use serde_json::Value;

use crate::args::EvidenceCommand;
use crate::failure::Failure;
use crate::output;
use crate::table::{List, count, read, time};

use super::client::{Ask, Client, reason, with_query};

const AUDIT: &str = "/admin/v1/audit";
pub(super) const MESSAGES: &str = "/admin/v1/audit/messages";

/// What is known about a message; the server may say more.
#[derive(Debug, Deserialize)]
struct Message {
    resource_id: String,
    ispb: String,
    sequence: Option<u64>,
    sha256: Option<String>,
    published_unix_ms: Option<u64>,
    publisher: Option<String>,
    #[serde(default)]
    deliveries: Vec<Delivery>,
    #[serde(default)]
    repeats: Vec<Recorded>,
    #[serde(default)]
    confirmations: Vec<Recorded>,
    #[serde(default)]
    returned: Vec<Recorded>,
    #[serde(default)]
    moves: Vec<Recorded>,
    #[serde(default)]
    chains: Vec<Chain>,
    #[serde(default)]
    findings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    at_unix_ms: u64,
    token_sha256: String,
    #[serde(default)]
    replay: bool,
    session: Option<u64>,
    request_id: String,
}

/// Something that the audit log says of a message.
#[derive(Debug, Deserialize)]
struct Recorded {
    at_unix_ms: u64,
    token_sha256: Option<String>,
    actor: Option<String>,
    #[serde(default)]
    what: String,
    request_id: String,
}

#[derive(Debug, Deserialize)]
struct Chain {
    chain: String,
    first: u64,
    last: u64,
    head: String,
    holds: bool,
}

#[derive(Debug, Deserialize)]
struct Head {
    records: u64,
    head: String,
    anchor: Option<Anchor>,
}

#[derive(Debug, Deserialize)]
struct Anchor {
    records: u64,
    head: String,
    at_unix_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Verified {
    verified: bool,
    records: u64,
    #[serde(default)]
    anchors: u64,
    #[serde(default)]
    findings: Vec<String>,
}

pub(super) async fn run(client: &mut Client, command: &EvidenceCommand, json: bool) -> Result<(), Failure> {
    let answer = match command {
        EvidenceCommand::Show { id, reason: why } => {
            let path = format!("{MESSAGES}/{}", segment(&id.to_string()));
            client.get(&with_query(&path, [reason(why.as_deref())])).await?
        }
        EvidenceCommand::Head => client.get(&format!("{AUDIT}/head")).await?,
        EvidenceCommand::Verify => {
            client.change(Ask::post(format!("{AUDIT}/verify")), &crate::args::Intent::default()).await?
        }
    };
    if json {
        output::json(&answer)?;
    } else {
        match command {
            EvidenceCommand::Show { .. } => message(&read(&answer)?).show()?,
            EvidenceCommand::Head => head(&read(&answer)?).show()?,
            EvidenceCommand::Verify => verified(&read(&answer)?)?,
        }
    }
    if answer.get("verified").and_then(Value::as_bool) == Some(false) {
        return Err(Failure::new("the audit chain does not hold").next(
            "keep the files of every node as they are; `pix-stream audit verify PATH` names the first broken entry",
        ));
    }
    Ok(())
}

/// A resource id as one segment of a path, which cannot hold a slash.
fn segment(id: &str) -> String {
    id.replace('+', "-").replace('/', "_")
}

fn message(message: &Message) -> List {
    let known = |at: Option<u64>, else_: &str| at.map_or_else(|| else_.to_owned(), time);
    let mut list = List::default();
    list.put("message", &message.resource_id);
    list.put("participant", &message.ispb);
    if let Some(sequence) = message.sequence {
        list.put("sequence", sequence);
    }
    list.put("sha-256", message.sha256.as_deref().unwrap_or("erased"));
    let by = message.publisher.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
    list.put("published", format_args!("{}{by}", known(message.published_unix_ms, "not known")));
    for delivery in &message.deliveries {
        let Delivery { at_unix_ms, token_sha256, replay, session, request_id } = delivery;
        let again = if *replay { " again" } else { "" };
        let within = session.map_or_else(String::new, |session| format!(" in replay session {session}"));
        let at = time(*at_unix_ms);
        list.put(
            "delivered",
            format_args!("{at}{again}{within}, token {token_sha256}, request {request_id}"),
        );
    }
    for (name, all) in [
        ("repeated", &message.repeats),
        ("confirmed", &message.confirmations),
        ("given back", &message.returned),
        ("moved", &message.moves),
    ] {
        all.iter().for_each(|one| list.put(name, one.told()));
    }
    if message.confirmations.is_empty() {
        list.put("confirmed", "not yet");
    }
    for Chain { chain, first, last, head, holds } in &message.chains {
        let holds = if *holds { "holds" } else { "does not hold" };
        list.put("chain", format_args!("{chain} {holds}, entries {first} to {last}, head {head}"));
    }
    for finding in &message.findings {
        list.put("finding", finding);
    }
    list
}

impl Recorded {
    fn told(&self) -> String {
        let Self { at_unix_ms, token_sha256, actor, what, request_id } = self;
        let token = token_sha256.as_ref().map(|token| format!(", token {token}")).unwrap_or_default();
        let by = actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
        format!("{}{by}, {what}{token}, request {request_id}", time(*at_unix_ms))
    }
}

fn head(head: &Head) -> List {
    let mut list = List::default();
    list.put("entries", head.records);
    list.put("head", &head.head);
    match &head.anchor {
        Some(Anchor { records, head, at_unix_ms }) => {
            list.put("anchored", format_args!("{records} entries at {}, head {head}", time(*at_unix_ms)));
        }
        None => list.put("anchored", "not yet"),
    }
    list
}

fn verified(verified: &Verified) -> Result<(), Failure> {
    for finding in &verified.findings {
        output::line(finding)?;
    }
    if verified.verified {
        let (records, anchors) = (verified.records, count(verified.anchors, "anchor"));
        output::line(format_args!("the chain holds: {records} entries, compared with {anchors}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_a_slash_is_one_segment() {
        assert_eq!(segment("UEkBbgR78VqKK/uvuq9O0r9bqXyBH9U+"), "UEkBbgR78VqKK_uvuq9O0r9bqXyBH9U-");
    }
}

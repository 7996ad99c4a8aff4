//! One request to the admin API: how a change is written, and what a refusal means to an operator.

use std::fmt::Write as _;
use std::io;

use bytes::Bytes;
use http::Method;
use pix_stream_client::{Api, ConnectionError, Endpoint, Put, Reply};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::args::Intent;
use crate::failure::Failure;

use super::{catalog, evidence, keys, node, quarantine};

/// A refusal of the admin API.
#[derive(Deserialize)]
struct Refused {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    code: String,
    message: String,
    #[serde(default)]
    details: Vec<String>,
}

/// A change: what to ask for, and how it is meant.
pub(super) struct Ask {
    method: Method,
    path: String,
    fields: Map<String, Value>,
}

impl Ask {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), fields: Map::new() }
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// With a field that may be left out.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// The server, asked over one connection.
pub(super) struct Client {
    api: Api,
}

impl Client {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { api: Api::new(endpoint) }
    }

    /// Looks at something.
    pub(super) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        parse(&self.fetch(Method::GET, path, None).await?)
    }

    /// Has something changed, or tries it.
    pub(super) async fn change(&mut self, ask: Ask, intent: &Intent) -> Result<Value, Failure> {
        let Ask { method, mut path, mut fields } = ask;
        if intent.dry_run {
            path.push_str("?dry_run=true");
        }
        if let Some(reason) = &intent.reason {
            fields.insert("reason".to_owned(), json!(reason));
        }
        let body = Value::Object(fields).to_string().into();
        parse(&self.fetch(method, &path, Some(body)).await?)
    }

    /// Sends a request; an answer that is none to go on with is a failure.
    pub(super) async fn fetch(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Reply, Failure> {
        let reply = self.api.request(method, path, body).await.map_err(|error| lost(&error))?;
        if reply.status.is_success() { Ok(reply) } else { Err(refused(&reply, path)) }
    }

    /// Hands an answer of any length to `put` as it comes.
    pub(super) async fn stream(&mut self, path: &str, put: Put<'_>) -> Result<(), Failure> {
        let reply = self.api.stream(path, put).await.map_err(|error| lost(&error))?;
        if reply.status.is_success() { Ok(()) } else { Err(refused(&reply, path)) }
    }
}

/// What a GET says of its reason; a change has it in its body.
pub(super) fn reason(reason: Option<&str>) -> Option<String> {
    reason.map(|reason| format!("reason={}", encoded(reason)))
}

/// A path with a query of the parts that are there.
pub(super) fn with_query(path: &str, parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// Text as a query may hold it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn parse(reply: &Reply) -> Result<Value, Failure> {
    if reply.body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        Failure::new(format_args!("the answer is not JSON ({error}); is this the admin listener?"))
    })
}

fn lost(error: &ConnectionError) -> Failure {
    if let ConnectionError::Put(error) = error {
        return Failure::from(io::Error::new(error.kind(), error.to_string()));
    }
    let next = if error.is_untrusted() {
        "show a certificate with the role admin, operator or auditor: `--dir` of a folder of init has them"
    } else {
        "whether the server acted is not known: look with `show`; the same again does no harm"
    };
    Failure::new(error).next(next)
}

fn refused(reply: &Reply, path: &str) -> Failure {
    let status = reply.status.as_u16();
    let request = reply.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    let Ok(Refused { error: Fault { code, message, details } }) = serde_json::from_slice(&reply.body) else {
        return Failure::new(format_args!("the server answered {status}{request}"))
            .next("is this the admin listener? The ready line of `serve` names both");
    };
    let details: String = details.iter().map(|detail| format!("\n  {detail}")).collect();
    let failure =
        Failure::new(format_args!("the server answered {status} {code}: {message}{request}{details}"));
    match advice(&code, path) {
        Some(next) => failure.next(next),
        None => failure,
    }
}

/// What an operator does about a refusal.
fn advice(code: &str, path: &str) -> Option<&'static str> {
    let of = |what: &str| path.starts_with(what);
    Some(match code {
        "notFound" if of(quarantine::QUARANTINE) => {
            "see what is there: pix-stream admin --dir DIR quarantine list"
        }
        "notFound" if of(evidence::MESSAGES) => {
            "is it whole? A message that is older than its retention and the audit log's files is not known any more"
        }
        "notFound" if of(keys::KEYS) => "see which keys are live: pix-stream admin --dir DIR keys list",
        "notFound" | "notOnboarded" => "see who is onboarded: pix-stream admin --dir DIR participants list",
        "invalidMessage" => "it stays in quarantine: load the schema it needs, or have it sent again",
        "invalidRequest" if of(catalog::CATALOG) => {
            "see the types that are loaded: pix-stream admin --dir DIR catalog list"
        }
        "conflict" if of(keys::KEYS) => "see which keys are live: pix-stream admin --dir DIR keys list",
        "conflict" if of(node::RELOAD) => {
            "put the files right and reload again; until then the old ones stay"
        }
        "conflict" if path.contains("/replay") => {
            "one replay at a time: pix-stream admin --dir DIR participants replay close ISPB"
        }
        "forbidden" => {
            "show a certificate whose role and scope allow this (--as, --cert), see [roles] of the configuration"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_goes_into_a_query_whatever_it_says() {
        let path = with_query("/a", [None, reason(Some("Ação 12 & 13/x"))]);
        assert_eq!(path, "/a?reason=A%C3%A7%C3%A3o%2012%20%26%2013%2Fx");
        assert_eq!(with_query("/a", [reason(None)]), "/a");
    }
}

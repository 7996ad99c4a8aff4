//! `pix-stream admin`: an operator's commands over the admin listener's `/admin/v1`.
//!
//! What a command does is decided, checked and audited by the server; this asks, and shows the answer.

mod catalog;
mod quarantine;
mod show;

use bytes::Bytes;
use http::Method;
use pix_stream_client::{Api, Reply};
use pix_stream_domain::ispb::Ispb;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::{AdminArgs, AdminCommand, Intent, ParticipantCommand};
use crate::failure::Failure;
use crate::output;
use crate::target::{self, Caller};

use super::serve::runtime;

const PARTICIPANTS: &str = "/admin/v1/participants";
const RELOAD: &str = "/admin/v1/reload";

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

/// Runs the command.
///
/// # Errors
/// The server cannot be found, or refuses: with its reason.
pub fn run(args: &AdminArgs) -> Result<(), Failure> {
    let target = args.target.to_target().map_err(Failure::usage)?;
    let reached = target::find(&target, Caller::Admin)?;
    runtime()?.block_on(async {
        target::check_reachable(&reached).await?;
        let mut client = Client { api: Api::new(reached.endpoint) };
        match &args.command {
            AdminCommand::Participants { command } => participants(&mut client, command, args.json).await,
            AdminCommand::Catalog { command } => catalog::run(&mut client, command, args.json).await,
            AdminCommand::Quarantine { command } => quarantine::run(&mut client, command, args.json).await,
            AdminCommand::Reload { reason } => reload(&mut client, reason.clone(), args.json).await,
        }
    })
}

async fn reload(client: &mut Client, reason: Option<String>, json: bool) -> Result<(), Failure> {
    let body = body(&Intent { dry_run: false, reason }, []);
    let answer = client.call(Method::POST, RELOAD, Some(body)).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let names = answer.get("reloaded").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    Ok(output::line(format_args!("read again: {}", names.join(", ")))?)
}

async fn participants(client: &mut Client, command: &ParticipantCommand, json: bool) -> Result<(), Failure> {
    match command {
        ParticipantCommand::List => list(client, json).await,
        ParticipantCommand::Show { ispb } => {
            let status = client.call(Method::GET, &path(ispb, ""), None).await?;
            show::status(&status, json)
        }
        ParticipantCommand::Create { ispb, name, intent } => {
            let body = body(intent, [("ispb", json!(ispb.as_str())), ("name", json!(name))]);
            let saved = client.call(Method::POST, &query(PARTICIPANTS, intent), Some(body)).await?;
            show::saved(&saved, json, "onboarded")
        }
        ParticipantCommand::Limits { ispb, requests_per_second, backlog_high_water, default, intent } => {
            let mut limits = if *default { Value::Null } else { client.limits(ispb).await? };
            if let Value::Object(limits) = &mut limits {
                requests_per_second
                    .map(|number| limits.insert("requests_per_second".to_owned(), json!(number)));
                backlog_high_water
                    .map(|number| limits.insert("backlog_high_water".to_owned(), json!(number)));
            }
            let fields = limits.as_object().cloned().unwrap_or_default();
            let body = body(intent, fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
            let saved = client.call(Method::PUT, &query(&path(ispb, "/limits"), intent), Some(body)).await?;
            show::saved(&saved, json, "limits changed")
        }
        ParticipantCommand::Pause { ispb, intent } => {
            change(client, Ask::new(Method::POST, ispb, "/pause"), intent, json).await
        }
        ParticipantCommand::Resume { ispb, intent } => {
            change(client, Ask::new(Method::POST, ispb, "/resume"), intent, json).await
        }
        ParticipantCommand::Hold { ispb, intent } => hold(client, ispb, true, intent, json).await,
        ParticipantCommand::Unhold { ispb, intent } => hold(client, ispb, false, intent, json).await,
        ParticipantCommand::Cap { ispb, streams, intent } => {
            let ask = Ask::new(Method::PUT, ispb, "/cap").with("cap", json!(streams));
            change(client, ask, intent, json).await
        }
        ParticipantCommand::Rewind(args) => {
            let ask = Ask::new(Method::POST, &args.ispb, "/rewind").with("to", json!(args.to));
            change(client, ask, &args.intent, json).await
        }
        ParticipantCommand::Advance(args) => {
            let ask = Ask::new(Method::POST, &args.ispb, "/advance").with("to", json!(args.to));
            change(client, ask, &args.intent, json).await
        }
    }
}

/// A change of a participant's streams.
struct Ask {
    method: Method,
    path: String,
    field: Option<(&'static str, Value)>,
}

impl Ask {
    fn new(method: Method, ispb: &Ispb, verb: &str) -> Self {
        Self { method, path: path(ispb, verb), field: None }
    }

    fn with(mut self, name: &'static str, value: Value) -> Self {
        self.field = Some((name, value));
        self
    }
}

async fn hold(
    client: &mut Client,
    ispb: &Ispb,
    held: bool,
    intent: &Intent,
    json: bool,
) -> Result<(), Failure> {
    let (verb, done) = if held { ("/hold", "messages are held") } else { ("/unhold", "the hold is over") };
    let body = body(intent, []);
    let saved = client.call(Method::POST, &query(&path(ispb, verb), intent), Some(body)).await?;
    show::saved(&saved, json, done)
}

async fn change(client: &mut Client, ask: Ask, intent: &Intent, json: bool) -> Result<(), Failure> {
    let body = body(intent, ask.field);
    let changed = client.call(ask.method, &query(&ask.path, intent), Some(body)).await?;
    show::changed(&changed, json)
}

async fn list(client: &mut Client, json: bool) -> Result<(), Failure> {
    let listed = client.call(Method::GET, PARTICIPANTS, None).await?;
    let participants = listed.get("participants").and_then(Value::as_array).cloned().unwrap_or_default();
    if json {
        return Ok(participants.iter().try_for_each(output::json)?);
    }
    let mut all = Vec::with_capacity(participants.len());
    for participant in &participants {
        let ispb = participant.get("ispb").and_then(Value::as_str).unwrap_or_default();
        // A list that says who has a backlog is what an operator wants to see.
        all.push(client.call(Method::GET, &format!("{PARTICIPANTS}/{ispb}"), None).await?);
    }
    show::table(&all)
}

fn path(ispb: &Ispb, verb: &str) -> String {
    format!("{PARTICIPANTS}/{ispb}{verb}")
}

fn query(path: &str, intent: &Intent) -> String {
    if intent.dry_run { format!("{path}?dry_run=true") } else { path.to_owned() }
}

/// The fields of a command, with the operator's reason.
fn body<'a>(intent: &Intent, fields: impl IntoIterator<Item = (&'a str, Value)>) -> Bytes {
    let mut body: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(reason) = &intent.reason {
        body.insert("reason".to_owned(), json!(reason));
    }
    Value::Object(body).to_string().into()
}

struct Client {
    api: Api,
}

impl Client {
    /// Sends a command and reads its answer.
    async fn call(&mut self, method: Method, path: &str, body: Option<Bytes>) -> Result<Value, Failure> {
        let reply = self.fetch(method, path, body).await?;
        serde_json::from_slice(&reply.body).map_err(|error| {
            Failure::new(format_args!("the answer is not JSON ({error}); is this the admin listener?"))
        })
    }

    /// Sends a command; an answer that is none to go on with is a failure.
    async fn fetch(&mut self, method: Method, path: &str, body: Option<Bytes>) -> Result<Reply, Failure> {
        let reply = self.api.request(method, path, body).await.map_err(|error| {
            let next = if error.is_untrusted() {
                "show a certificate with the role admin: `--dir` of a folder of init has one"
            } else {
                "whether the server acted is not known: look with `show`"
            };
            Failure::new(error).next(next)
        })?;
        if reply.status.is_success() { Ok(reply) } else { Err(refused(&reply, path)) }
    }

    /// A participant's own limits.
    async fn limits(&mut self, ispb: &Ispb) -> Result<Value, Failure> {
        let mut status = self.call(Method::GET, &path(ispb, ""), None).await?;
        Ok(status.get_mut("limits").map(Value::take).unwrap_or_default())
    }
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
    match code.as_str() {
        "notFound" if path.starts_with(quarantine::QUARANTINE) => {
            failure.next("see what is there: pix-stream admin --dir DIR quarantine list")
        }
        "invalidMessage" => {
            failure.next("it stays in quarantine: load the schema it needs, or have it sent again")
        }
        "invalidRequest" if path.starts_with(catalog::CATALOG) => {
            failure.next("see the types that are loaded: pix-stream admin --dir DIR catalog list")
        }
        "notFound" => failure.next("see who is onboarded: pix-stream admin --dir DIR participants list"),
        "forbidden" => {
            failure.next("show a certificate with the role admin, see [roles] of the configuration")
        }
        _ => failure,
    }
}

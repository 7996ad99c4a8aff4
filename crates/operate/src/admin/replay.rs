//! `admin participants replay`: a second, read-only stream over old messages.

use serde::Deserialize;
use serde_json::Value;

use crate::args::{Range, ReplayCommand, ReplayOpenArgs};
use crate::failure::Failure;
use crate::output;
use crate::table::{List, count, read, time};

use super::client::{Ask, Client};
use super::now;
use super::participants::{delete, path};

const REPLAY: &str = "/replay";
/// The longest that a replay may be open, in minutes (a day).
const MINUTES_MAX: u64 = 1_440;

/// A replay; what of it is known depends on the route.
#[derive(Debug, Deserialize)]
struct Session {
    #[serde(default)]
    session: Option<Value>,
    from: Option<u64>,
    to: Option<u64>,
    messages: Option<u64>,
    expires_unix_ms: Option<u64>,
    path: Option<String>,
}

pub(super) async fn run(client: &mut Client, command: &ReplayCommand, json: bool) -> Result<(), Failure> {
    match command {
        ReplayCommand::Open(args) => open(client, args, json).await,
        ReplayCommand::Show { ispb } => {
            let answer = client.get(&path(ispb, REPLAY)).await?;
            if json {
                return Ok(output::json(&answer)?);
            }
            match find_session(&answer) {
                Some(session) => list(&read(session)?).show(),
                None => Ok(output::line(format_args!("{ispb}: no replay is open"))?),
            }
        }
        ReplayCommand::Close { ispb, intent } => {
            let answer = client.change(delete(ispb, REPLAY), intent).await?;
            if json {
                return Ok(output::json(&answer)?);
            }
            let text = match (answer.get("changed").and_then(Value::as_bool), intent.dry_run) {
                (Some(false), _) => "nothing to change: no replay is open",
                (_, true) => "dry run, nothing changed: the replay would be closed",
                (_, false) => "the replay is closed; its path is refused from now on",
            };
            Ok(output::line(format_args!("{ispb}: {text}"))?)
        }
    }
}

async fn open(client: &mut Client, args: &ReplayOpenArgs, json: bool) -> Result<(), Failure> {
    let minutes = args.valid.find_minutes().filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
    let Some(minutes) = minutes else {
        return Err(Failure::usage("--valid takes whole minutes from 1m to 24h"));
    };
    let ask = Ask::post(path(&args.ispb, REPLAY)).with("valid_minutes", minutes);
    let ask = match args.range.range(now())? {
        Range::Sequences(from, to) => ask.with("from", from).with("to", to),
        Range::Times(since, until) => {
            ask.with("since_unix_ms", since.unix_millis()).with("until_unix_ms", until.unix_millis())
        }
    };
    let answer = client.change(ask, &args.intent).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let session: Session = read(find_session(&answer).unwrap_or(&answer))?;
    if args.intent.dry_run {
        let messages = count(session.messages.unwrap_or_default(), "message");
        return Ok(output::line(format_args!(
            "{}: dry run, nothing changed: {messages} would be replayed",
            args.ispb
        ))?);
    }
    list(&session).show()?;
    output::note(
        "note: the participant reads it with GET on this path, and goes on with PI-Pull-Next, to the first 204",
    );
    Ok(())
}

/// The session within an answer: itself, or under `replay`.
fn find_session(answer: &Value) -> Option<&Value> {
    let session = answer.get("replay").unwrap_or(answer);
    session
        .as_object()
        .filter(|session| session.contains_key("expires_unix_ms") || session.contains_key("from"))
        .map(|_| session)
}

fn list(session: &Session) -> List {
    let mut list = List::default();
    if let Some(id) = &session.session {
        list.put("session", id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    }
    if let (Some(from), Some(to)) = (session.from, session.to) {
        list.put("range", format_args!("{from} to {to}"));
    }
    if let Some(messages) = session.messages {
        list.put("messages", messages);
    }
    if let Some(expires) = session.expires_unix_ms {
        list.put("expires", time(expires));
    }
    if let Some(path) = &session.path {
        list.put("path", path);
    }
    list
}

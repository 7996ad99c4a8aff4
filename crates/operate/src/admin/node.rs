//! `admin slow`, `log`, `drain`, `node`, `reload`: one node as a whole.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::args::{Intent, LogCommand, LogSetArgs};
use crate::failure::Failure;
use crate::output;
use crate::table::{List, Side, Table, items, read, time};

use super::client::{Ask, Client};

const LOG: &str = "/admin/v1/log";
pub(super) const RELOAD: &str = "/admin/v1/reload";
/// The longest that a log level may last, in minutes (a day).
const MINUTES_MAX: u64 = 1_440;

#[derive(Debug, Deserialize)]
struct Slow {
    at_unix_ms: u64,
    request_id: String,
    route: String,
    ispb: Option<String>,
    work_ms: f64,
    #[serde(default)]
    store_ms: Map<String, Value>,
    status: u64,
}

#[derive(Debug, Deserialize)]
struct Log {
    level: String,
    configured: Option<String>,
    until_unix_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Facts {
    version: String,
    pid: u64,
    uptime_s: u64,
    region: Option<String>,
    draining: bool,
    fallback: bool,
}

/// The latest slow requests, the last one first.
pub(super) async fn slow(client: &mut Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/admin/v1/slow").await?;
    let requests = answer.as_array().map_or_else(|| items(&answer, "slow"), Vec::as_slice);
    let requests = if requests.is_empty() { items(&answer, "requests") } else { requests };
    if json {
        return Ok(requests.iter().try_for_each(output::json)?);
    }
    let mut table = Table::new([
        ("AT", Side::Left),
        ("ROUTE", Side::Left),
        ("ISPB", Side::Left),
        ("STATUS", Side::Right),
        ("WORK MS", Side::Right),
        ("STORES MS", Side::Left),
        ("REQUEST", Side::Left),
    ]);
    for request in requests {
        let slow: Slow = read(request)?;
        let stores = slow.store_ms.iter();
        let stores: Vec<_> =
            stores.map(|(store, ms)| format!("{store} {:.1}", ms.as_f64().unwrap_or_default())).collect();
        table.push([
            time(slow.at_unix_ms),
            slow.route,
            slow.ispb.unwrap_or_default(),
            slow.status.to_string(),
            format!("{:.1}", slow.work_ms),
            stores.join(", "),
            slow.request_id,
        ]);
    }
    table.show()
}

/// What is logged.
pub(super) async fn log(client: &mut Client, command: &LogCommand, json: bool) -> Result<(), Failure> {
    let (answer, tried) = match command {
        LogCommand::Show => (client.get(LOG).await?, false),
        LogCommand::Set(LogSetArgs { level, span, intent }) => {
            let minutes = span.find_minutes().filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
            let Some(minutes) = minutes else {
                return Err(Failure::usage("--for takes whole minutes from 1m to 24h"));
            };
            let ask = Ask::put(LOG).with("level", level.as_str()).with("minutes", minutes);
            (client.change(ask, intent).await?, intent.dry_run)
        }
    };
    if json {
        return Ok(output::json(&answer)?);
    }
    let state = ["log", "after"].iter().find_map(|name| answer.get(name)).unwrap_or(&answer);
    let Log { level, configured, until_unix_ms } = read(state)?;
    let mut list = List::default();
    if tried {
        output::line("dry run, nothing changed; it would be so:")?;
    }
    list.put("level", level);
    if let Some(configured) = configured {
        list.put("configured", configured);
    }
    if let Some(until) = until_unix_ms {
        list.put("until", time(until));
    }
    list.show()
}

/// Begins the end of the node.
pub(super) async fn drain(client: &mut Client, intent: &Intent, json: bool) -> Result<(), Failure> {
    let answer = client.change(Ask::post("/admin/v1/drain"), intent).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    Ok(output::line(if intent.dry_run {
        "dry run, nothing changed: the node would answer waiting reads, save last checkpoints and end"
    } else {
        "the node is draining: it answers waiting reads, saves last checkpoints and ends"
    })?)
}

/// What the node says of itself.
pub(super) async fn show(client: &mut Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/admin/v1/node").await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let facts: Facts = read(&answer)?;
    let mut list = List::default();
    list.put("version", facts.version);
    list.put("pid", facts.pid);
    list.put("running for", span(facts.uptime_s));
    list.put("region", facts.region.as_deref().unwrap_or("none"));
    list.put("state", if facts.draining { "draining" } else { "serving" });
    list.put("streams in", if facts.fallback { "the Journal, for want of Redis" } else { "the Coordinator" });
    if let Some(config) = answer.get("config") {
        settings("", config, &mut list);
    }
    list.show()
}

/// A configuration as lines `section.key value`.
fn settings(prefix: &str, value: &Value, list: &mut List) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                settings(&name, value, list);
            }
        }
        Value::String(text) if prefix.is_empty() => list.put("config", text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            list.put(prefix, value);
        }
    }
}

fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {}s", seconds % 60),
        (0, _) => format!("{hours}h {minutes}m"),
        (_, _) => format!("{days}d {hours}h"),
    }
}

/// Reads files again.
pub(super) async fn reload(client: &mut Client, intent: &Intent, json: bool) -> Result<(), Failure> {
    let answer = client.change(Ask::post(RELOAD), intent).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let names: Vec<&str> = items(&answer, "reloaded").iter().filter_map(Value::as_str).collect();
    let done = if intent.dry_run { "dry run, nothing changed: can be read again" } else { "read again" };
    Ok(output::line(format_args!("{done}: {}", names.join(", ")))?)
}

//! `admin keys`: the token keys of a running server.

use serde_json::Value;

use crate::args::KeysCommand;
use crate::failure::Failure;
use crate::keys::show;
use crate::output;
use crate::table::read;

use super::client::{Ask, Client};

pub(super) const KEYS: &str = "/admin/v1/keys";

pub(super) async fn run(client: &mut Client, command: &KeysCommand, json: bool) -> Result<(), Failure> {
    let (ask, intent) = match command {
        KeysCommand::List => {
            let answer = client.get(KEYS).await?;
            if json {
                return Ok(output::json(&answer)?);
            }
            return show::table(&read(&answer)?);
        }
        KeysCommand::Rotate { stage, intent } => {
            (Ask::post(format!("{KEYS}/rotate")).with("stage", *stage), intent)
        }
        KeysCommand::Sign { id, intent } => (Ask::post(format!("{KEYS}/sign")).with("id", *id), intent),
        KeysCommand::Retire { id, intent } => (Ask::post(format!("{KEYS}/{id}/retire")), intent),
    };
    let answer = client.change(ask, intent).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let changed = answer.get("changed").and_then(Value::as_bool);
    output::line(match (changed, intent.dry_run) {
        (Some(false), _) => "nothing to change, it is so already",
        (_, true) => "dry run, nothing changed; it would be so:",
        (_, false) => "done; the keys are now:",
    })?;
    let keys = answer.get("after").or_else(|| answer.get("keys").filter(|keys| keys.is_object()));
    show::table(&read(keys.unwrap_or(&answer))?)
}

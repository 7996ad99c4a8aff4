//! `admin catalog`: which message types are taken, and from whom.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{CatalogCommand, SwitchArgs};
use crate::failure::Failure;
use crate::output;

use super::show::read;
use super::{Client, body, query};

pub(super) const CATALOG: &str = "/admin/v1/catalog";

#[derive(Debug, Deserialize)]
struct Type {
    #[serde(rename = "type")]
    message_type: String,
    loaded: bool,
    enabled: bool,
    participants: Vec<Own>,
}

#[derive(Debug, Deserialize)]
struct Own {
    ispb: String,
    enabled: bool,
}

pub(super) async fn run(client: &mut Client, command: &CatalogCommand, json: bool) -> Result<(), Failure> {
    match command {
        CatalogCommand::List => list(client, json).await,
        CatalogCommand::Enable(args) => switch(client, args, "enable", json).await,
        CatalogCommand::Disable(args) => switch(client, args, "disable", json).await,
        CatalogCommand::Clear(args) => switch(client, args, "clear", json).await,
    }
}

async fn list(client: &mut Client, json: bool) -> Result<(), Failure> {
    let listed = client.call(Method::GET, CATALOG, None).await?;
    let types = listed.get("types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if json {
        return Ok(types.iter().try_for_each(output::json)?);
    }
    let head = format!("{:<22}{:<8}{:<6}  EXCEPT FOR", "TYPE", "SCHEMA", "STATE");
    output::line(output::paint(output::Style::Strong, &head, output::stdout_has_color()))?;
    types.iter().try_for_each(|one| Ok(output::line(line(&read(one)?).trim_end())?))
}

async fn switch(client: &mut Client, args: &SwitchArgs, verb: &str, json: bool) -> Result<(), Failure> {
    let SwitchArgs { message_type, participant, intent } = args;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    if !message_type.bytes().all(is_name) || message_type.is_empty() {
        return Err(Failure::usage(format_args!(
            "{message_type:?} is no message type; they look like pacs.008.spi.1.16"
        )));
    }
    let path = query(&format!("{CATALOG}/{message_type}/{verb}"), intent);
    let fields = participant.map(|ispb| ("participant", json!(ispb.as_str())));
    let answer = client.call(Method::POST, &path, Some(body(intent, fields))).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let tried = if intent.dry_run { "dry run, nothing changed; it would be so: " } else { "" };
    Ok(output::line(format!("{tried}{}", line(&read(&answer)?)).trim_end())?)
}

fn line(one: &Type) -> String {
    let state = |is_on| if is_on { "on" } else { "off" };
    let schema = if one.loaded { "loaded" } else { "none" };
    let own: Vec<_> =
        one.participants.iter().map(|own| format!("{} {}", own.ispb, state(own.enabled))).collect();
    format!("{:<22}{schema:<8}{:<6}  {}", one.message_type, state(one.enabled), own.join(", "))
}

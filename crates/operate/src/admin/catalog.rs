//! `admin catalog`: which message types are taken, and from whom.

use serde::Deserialize;
use serde_json::Value;

use crate::args::{CatalogCommand, SwitchArgs};
use crate::failure::Failure;
use crate::output;
use crate::table::{Side, Table, items, read};

use super::client::{Ask, Client};

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
    let listed = client.get(CATALOG).await?;
    let types = items(&listed, "types");
    if json {
        return Ok(types.iter().try_for_each(output::json)?);
    }
    let mut table = Table::new([
        ("TYPE", Side::Left),
        ("SCHEMA", Side::Left),
        ("STATE", Side::Left),
        ("EXCEPT FOR", Side::Left),
    ]);
    for one in types {
        table.push(row(&read(one)?));
    }
    table.show()
}

async fn switch(client: &mut Client, args: &SwitchArgs, verb: &str, json: bool) -> Result<(), Failure> {
    let SwitchArgs { message_type, participant, intent } = args;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    if !message_type.bytes().all(is_name) || message_type.is_empty() {
        return Err(Failure::usage(format_args!(
            "{message_type:?} is no message type; they look like pacs.008.spi.1.16"
        )));
    }
    let ask = Ask::post(format!("{CATALOG}/{message_type}/{verb}"));
    let ask = ask.with_some("participant", participant.as_ref().map(pix_stream_domain::ispb::Ispb::as_str));
    let answer: Value = client.change(ask, intent).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let tried = if intent.dry_run { "dry run, nothing changed; it would be so: " } else { "" };
    let line = row(&read(&answer)?).join("  ");
    Ok(output::line(format!("{tried}{line}").trim_end())?)
}

fn row(one: &Type) -> [String; 4] {
    let state = |is_on| if is_on { "on" } else { "off" };
    let own: Vec<_> =
        one.participants.iter().map(|own| format!("{} {}", own.ispb, state(own.enabled))).collect();
    let schema = if one.loaded { "loaded" } else { "none" };
    [one.message_type.clone(), schema.to_owned(), state(one.enabled).to_owned(), own.join(", ")]
}

//! `admin participants`: who takes part, how much each may, and where it stands.

use http::Method;
use pix_stream_domain::ispb::Ispb;
use serde_json::{Value, json};

use crate::args::{
    CreateArgs, ExportArgs, HoldArgs, Intent, LimitsArgs, ParticipantCommand, Range, SlotCommand,
};
use crate::failure::Failure;
use crate::out::Out;
use crate::output;
use crate::table::items;

use super::client::{Ask, Client, reason, with_query};
use super::{now, replay, show};

const PARTICIPANTS: &str = "/admin/v1/participants";
/// The longest last line of an export that is looked at.
const LAST_LINE_MAX: usize = 64 * 1024;

pub(super) async fn run(
    client: &mut Client,
    command: &ParticipantCommand,
    json: bool,
) -> Result<(), Failure> {
    match command {
        ParticipantCommand::List => list(client, json).await,
        ParticipantCommand::Show { ispb } => show::status(&client.get(&path(ispb, "")).await?, json),
        ParticipantCommand::Create(args) => create(client, args, json).await,
        ParticipantCommand::Offboard { ispb, intent } => {
            save(client, Ask::post(path(ispb, "/offboard")), intent, json, "offboarded").await
        }
        ParticipantCommand::Onboard { ispb, intent } => {
            save(client, Ask::post(path(ispb, "/onboard")), intent, json, "onboarded").await
        }
        ParticipantCommand::Limits(args) => limits(client, args, json).await,
        ParticipantCommand::Retention(args) => {
            let days = args.days.filter(|_| !args.default);
            let ask = Ask::put(path(&args.ispb, "/retention")).with("days", json!(days));
            save(client, ask, &args.intent, json, "retention changed").await
        }
        ParticipantCommand::Hold(args) => hold(client, args, true, json).await,
        ParticipantCommand::Unhold(args) => hold(client, args, false, json).await,
        ParticipantCommand::Pause { ispb, intent } => {
            change(client, Ask::post(path(ispb, "/pause")), intent, json).await
        }
        ParticipantCommand::Resume { ispb, intent } => {
            change(client, Ask::post(path(ispb, "/resume")), intent, json).await
        }
        ParticipantCommand::Cap { ispb, streams, intent } => {
            change(client, Ask::put(path(ispb, "/cap")).with("cap", *streams), intent, json).await
        }
        ParticipantCommand::Rewind(args) => {
            let ask = Ask::post(path(&args.ispb, "/rewind")).with("to", args.to);
            change(client, ask, &args.intent, json).await
        }
        ParticipantCommand::Advance(args) => {
            let ask = Ask::post(path(&args.ispb, "/advance")).with("to", args.to);
            change(client, ask, &args.intent, json).await
        }
        ParticipantCommand::Slot { command: SlotCommand::Release { ispb, slot, intent } } => {
            let ask = Ask::post(path(ispb, &format!("/slots/{slot}/release")));
            let answer = client.change(ask, intent).await?;
            show::released(&answer, json, (ispb, *slot), intent.dry_run)
        }
        ParticipantCommand::Replay { command } => replay::run(client, command, json).await,
        ParticipantCommand::Export(args) => export(client, args).await,
    }
}

async fn create(client: &mut Client, args: &CreateArgs, json: bool) -> Result<(), Failure> {
    let ask = Ask::post(PARTICIPANTS)
        .with("ispb", args.ispb.as_str())
        .with("name", args.name.as_str())
        .with_some("retention_days", args.retention_days);
    save(client, ask, &args.intent, json, "onboarded").await
}

async fn limits(client: &mut Client, args: &LimitsArgs, json: bool) -> Result<(), Failure> {
    let mut ask = Ask::put(path(&args.ispb, "/limits"));
    if !args.default {
        // The one that is not named stays as it is; the API takes both.
        let mut status = client.get(&path(&args.ispb, "")).await?;
        let own = status.get_mut("limits").map(Value::take).unwrap_or_default();
        for (name, value) in own.as_object().into_iter().flatten() {
            ask = ask.with(name, value.clone());
        }
    }
    let ask = ask
        .with_some("requests_per_second", args.requests_per_second)
        .with_some("backlog_high_water", args.backlog_high_water);
    save(client, ask, &args.intent, json, "limits changed").await
}

async fn hold(client: &mut Client, args: &HoldArgs, held: bool, json: bool) -> Result<(), Failure> {
    let (since, until) = args.times.ends(now())?;
    let (verb, done) = match (held, since.or(until).is_some()) {
        (true, false) => {
            ("/hold", "messages are held; how far those that are stored are: `participants show`")
        }
        (true, true) => (
            "/hold",
            "messages of this time are held; how far those that are stored are: `participants show`",
        ),
        (false, false) => ("/unhold", "the hold is over"),
        (false, true) => ("/unhold", "the hold of this time is over"),
    };
    let millis = |at: pix_stream_domain::time::Timestamp| at.unix_millis();
    let ask = Ask::post(path(&args.ispb, verb))
        .with_some("from_unix_ms", since.map(millis))
        .with_some("to_unix_ms", until.map(millis));
    save(client, ask, &args.intent, json, done).await
}

/// A change of a participant's own properties.
async fn save(client: &mut Client, ask: Ask, intent: &Intent, json: bool, done: &str) -> Result<(), Failure> {
    show::saved(&client.change(ask, intent).await?, json, done)
}

/// A change of a participant's streams.
async fn change(client: &mut Client, ask: Ask, intent: &Intent, json: bool) -> Result<(), Failure> {
    show::changed(&client.change(ask, intent).await?, json)
}

async fn list(client: &mut Client, json: bool) -> Result<(), Failure> {
    let listed = client.get(PARTICIPANTS).await?;
    let participants = items(&listed, "participants");
    if json {
        return Ok(participants.iter().try_for_each(output::json)?);
    }
    let mut all = Vec::with_capacity(participants.len());
    for participant in participants {
        let ispb = participant.get("ispb").and_then(Value::as_str).unwrap_or_default();
        // A list that says who has a backlog is what an operator wants to see.
        all.push(client.get(&format!("{PARTICIPANTS}/{ispb}")).await?);
    }
    show::table(&all)
}

/// Line by line as they come; a file appears only when the proof has come, too.
async fn export(client: &mut Client, args: &ExportArgs) -> Result<(), Failure> {
    let range = match args.range.range(now())? {
        Range::Sequences(from, to) => format!("from={from}&to={to}"),
        Range::Times(since, until) => {
            format!("since_unix_ms={}&until_unix_ms={}", since.unix_millis(), until.unix_millis())
        }
    };
    let mut out = Out::open(args.out.as_deref(), args.force)?;
    let mut last = LastLine::default();
    let path = with_query(&path(&args.ispb, "/export"), [Some(range), reason(args.reason.as_deref())]);
    let mut put = |bytes: &[u8]| {
        last.see(bytes);
        out.put(bytes)
    };
    client.stream(&path, &mut put).await?;
    let Some(messages) = last.find_messages() else {
        return Err(Failure::new("the export ended without its proof: it is not whole")
            .next("see the server's log, and export again"));
    };
    out.finish()?;
    let whither = args.out.as_ref().map(|file| format!(" in {}", file.display())).unwrap_or_default();
    output::note(format_args!("digests of {messages} messages and their proof{whither}"));
    Ok(())
}

/// Lines that go by, the last one of which is remembered.
#[derive(Default)]
struct LastLine {
    ended: bool,
    last: Vec<u8>,
}

impl LastLine {
    fn see(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.ended {
                self.last.clear();
            }
            let room = LAST_LINE_MAX.saturating_sub(self.last.len());
            self.last.extend_from_slice(line.get(..room).unwrap_or(line));
            self.ended = line.ends_with(b"\n");
        }
    }

    /// How many messages the proof is about, if it was the last line. It alone counts them.
    fn find_messages(&self) -> Option<u64> {
        let line: Value = serde_json::from_slice(&self.last).ok().filter(|_| self.ended)?;
        line.get("messages").and_then(Value::as_u64)
    }
}

pub(super) fn path(ispb: &Ispb, verb: &str) -> String {
    format!("{PARTICIPANTS}/{ispb}{verb}")
}

/// A change that takes something away.
pub(super) fn delete(ispb: &Ispb, verb: &str) -> Ask {
    Ask::new(Method::DELETE, path(ispb, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(parts: &[&str]) -> LastLine {
        let mut last = LastLine::default();
        parts.iter().for_each(|part| last.see(part.as_bytes()));
        last
    }

    #[test]
    fn an_export_is_whole_when_its_last_line_is_the_proof() {
        let whole = seen(&["{\"sequence\":1}\n{\"seq", "uence\":2}\n", "{\"messages\":", "2}\n"]);
        assert_eq!(whole.find_messages(), Some(2));
        for cut in [
            &["{\"sequence\":1}\n"][..],
            &["{\"sequence\":1}\n", "{\"messages\":1}"],
            &["{\"sequence\":1}\n", "{\"mess"],
            &[],
        ] {
            assert_eq!(seen(cut).find_messages(), None, "{cut:?}");
        }
    }
}

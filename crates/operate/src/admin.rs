//! `pix-stream admin`: an operator's commands over the admin listener's `/admin/v1`.

mod catalog;
mod client;
mod evidence;
mod keys;
mod node;
mod participants;
mod quarantine;
mod replay;
mod show;

use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock as _;
use pix_stream_process::system::SystemClock;

use crate::args::{AdminArgs, AdminCommand};
use crate::failure::Failure;
use crate::target::{self, Caller};
use client::Client;

/// Runs the command.
///
/// # Errors
/// The server cannot be found, or refuses: with its reason.
pub fn run(args: &AdminArgs) -> Result<(), Failure> {
    let target = args.target.to_target().map_err(Failure::usage)?;
    let caller = match args.target.who.as_deref() {
        Some("operator") => Caller::Operator,
        Some("auditor") => Caller::Auditor,
        Some(_) | None => Caller::Admin,
    };
    let reached = target::find(&target, caller)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format_args!("the runtime cannot start: {error}")))?;
    runtime.block_on(async {
        target::check_reachable(&reached).await?;
        let mut client = Client::new(reached.endpoint);
        match &args.command {
            AdminCommand::Participants { command } => {
                participants::run(&mut client, command, args.json).await
            }
            AdminCommand::Catalog { command } => catalog::run(&mut client, command, args.json).await,
            AdminCommand::Quarantine { command } => quarantine::run(&mut client, command, args.json).await,
            AdminCommand::Keys { command } => keys::run(&mut client, command, args.json).await,
            AdminCommand::Audit { command } => evidence::run(&mut client, command, args.json).await,
            AdminCommand::Slow => node::slow(&mut client, args.json).await,
            AdminCommand::Log { command } => node::log(&mut client, command, args.json).await,
            AdminCommand::Drain { intent } => node::drain(&mut client, intent, args.json).await,
            AdminCommand::Node => node::show(&mut client, args.json).await,
            AdminCommand::Reload { intent } => node::reload(&mut client, intent, args.json).await,
        }
    })
}

/// What times such as `2h` are seen from.
fn now() -> Timestamp {
    SystemClock.now()
}

//! `pix-stream init`: makes a folder and says what to do with it.

use std::path::Path;

use pix_stream_development::init::{self, Error, Made, Request};
use serde::Serialize;

use crate::cli::InitArgs;
use crate::compose;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Summary<'a> {
    event: &'static str,
    dir: &'a Path,
    config: &'a Path,
    participants: Vec<&'a str>,
}

/// Runs the command.
///
/// # Errors
/// Something is in the way, or a file could not be made.
pub fn run(args: &InitArgs) -> Result<(), Failure> {
    let request = Request {
        directory: args.dir.clone(),
        listen: args.listen.listen,
        admin_listen: args.listen.admin_listen,
        participants: args.participants.clone(),
        force: args.force,
    };
    let made = init::create(&request, &compose::means()).map_err(|error| failure(&error))?;
    report(&made, args.json)?;
    Ok(())
}

fn report(made: &Made, json: bool) -> std::io::Result<()> {
    let participants: Vec<&str> = made.participants.iter().map(|ispb| ispb.as_str()).collect();
    if json {
        return output::json(&Summary {
            event: "init",
            dir: &made.directory,
            config: &made.config,
            participants,
        });
    }
    let directory = made.directory.display();
    output::line(format_args!("made {directory}"))?;
    output::line("  pix-stream.toml  the configuration, complete and commented")?;
    output::line("  tls/             a development CA and the server's certificates (not for production)")?;
    output::line(format_args!(
        "  clients/         certificates of producer, admin, operator, auditor and psp-{}",
        participants.join(", psp-")
    ))?;
    output::line("  keys/  data/     the token signing key; the journal and the audit log")?;
    output::line(format_args!("next: pix-stream serve --config {}", made.config.display()))
}

fn failure(error: &Error) -> Failure {
    let failure = Failure::new(error);
    match error {
        Error::Exists { .. } => failure.next(
            "choose another --dir, or replace configuration, certificates and keys with --force (data/ is kept; open \
             tokens end)",
        ),
        Error::Write { .. } => failure.next("nothing was changed; check that the folder can be written"),
        Error::Certificate { .. } | Error::Onboard(_) => failure.next("configuration, certificates and keys were not changed"),
    }
}

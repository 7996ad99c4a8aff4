//! `pix-stream keys`: the files of token keys, where no server needs to run.
//!
//! A server that runs takes what is done here at its next reload.

pub(crate) mod show;

use std::path::Path;

use pix_stream_config::Flags;
use pix_stream_keys::{Changed, Error, KEY_LEN, make, retire, sign};
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::entropy::Entropy as _;
use pix_stream_process::configuration;
use pix_stream_process::system::{SystemClock, SystemEntropy};
use serde::Serialize;

use crate::args::{KeyFilesArgs, KeyFilesCommand, KeyFilesOptions};
use crate::failure::Failure;
use crate::output;
use show::Keys;

/// What became of the keys, or would.
#[derive(Debug, Serialize)]
struct Line {
    changed: bool,
    dry_run: bool,
    #[serde(flatten)]
    keys: Keys,
}

/// Runs the command.
///
/// # Errors
/// The configuration has problems, the files cannot be read or written, or the change is not possible.
pub fn run(args: &KeyFilesArgs) -> Result<(), Failure> {
    match &args.command {
        KeyFilesCommand::List(options) => {
            let live = pix_stream_keys::load(&directory(options)?).map_err(failure)?;
            let keys = Keys::of(&live, SystemClock.now());
            if options.json { Ok(output::json(&keys)?) } else { show::table(&keys) }
        }
        KeyFilesCommand::New { sign, dry_run, options } => change(options, *dry_run, |directory| {
            let mut secret = [0; KEY_LEN];
            SystemEntropy::new().fill(&mut secret);
            make(directory, secret, SystemClock.now(), *sign, *dry_run)
        }),
        KeyFilesCommand::Sign { id, dry_run, options } => {
            change(options, *dry_run, |directory| sign(directory, *id, *dry_run))
        }
        KeyFilesCommand::Retire { id, dry_run, options } => {
            change(options, *dry_run, |directory| retire(directory, *id, *dry_run))
        }
    }
}

fn change(
    options: &KeyFilesOptions,
    dry_run: bool,
    change: impl FnOnce(&Path) -> Result<Changed, Error>,
) -> Result<(), Failure> {
    let changed = change(&directory(options)?).map_err(failure)?;
    let keys = Keys::of(&changed.after, SystemClock.now());
    let is_change = changed.is_change();
    if options.json {
        return Ok(output::json(&Line { changed: is_change, dry_run, keys })?);
    }
    output::line(match (is_change, dry_run) {
        (false, _) => "nothing to change, it is so already",
        (true, true) => "dry run, nothing changed; it would be so:",
        (true, false) => "done; the keys are now:",
    })?;
    show::table(&keys)?;
    if is_change && !dry_run {
        output::note(
            "note: servers take it at their next reload: SIGHUP, or `pix-stream admin --dir DIR reload`",
        );
    }
    Ok(())
}

fn directory(options: &KeyFilesOptions) -> Result<std::path::PathBuf, Failure> {
    Ok(configuration::load(&options.config, Flags::default())?.keys.directory)
}

fn failure(error: Error) -> Failure {
    let next = match &error {
        Error::Full(..) => "see which one does not sign: pix-stream keys list --config F",
        Error::Unknown(_) => "see which keys are live: pix-stream keys list --config F",
        Error::Signs(_) => "pix-stream keys sign ID --config F, then retire this one",
        Error::File { .. }
        | Error::None(_)
        | Error::TooMany { .. }
        | Error::Name(_)
        | Error::Content(_)
        | Error::Signing { .. } => return Failure::new(error),
    };
    Failure::new(error).next(next)
}

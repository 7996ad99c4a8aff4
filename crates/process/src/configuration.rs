//! The configuration file as commands read it: with this process's environment, all problems told at once.

use std::path::Path;

use pix_stream_config::{self as config, Config, Flags};

use crate::failure::Failure;
use crate::{environment, output};

/// Loads a configuration, and writes every problem to stderr.
///
/// # Errors
/// It has problems; all were said.
pub fn load(path: &Path, flags: Flags) -> Result<Config, Failure> {
    config::load(path, &environment::of_process(), flags).map_err(|problems| {
        output::note(&problems);
        Failure::silent()
    })
}

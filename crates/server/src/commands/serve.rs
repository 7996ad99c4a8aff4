//! `pix-stream serve`: the server, until a signal ends it.

use std::path::Path;

use pix_stream_config::{self as config, Config, Flags};

use crate::cli::ServeArgs;
use crate::failure::Failure;
use crate::shutdown::Shutdown;
use crate::{environment, output, serving, telemetry};

/// Runs the command.
///
/// # Errors
/// The configuration has problems, or something that serving needs cannot be had.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let flags = Flags { listen: args.listen.listen, admin_listen: args.listen.admin_listen };
    let config = load(&args.config, flags)?;
    let file = std::path::absolute(&args.config).map_err(Failure::new)?;
    let dir = file.parent().unwrap_or(&file).to_owned();
    let _log = telemetry::start(&config.log).map_err(Failure::new)?;
    runtime()?.block_on(serve(&config, &dir))
}

async fn serve(config: &Config, dir: &Path) -> Result<(), Failure> {
    let shutdown = Shutdown::listen().map_err(Failure::new)?;
    let serving = serving::start(config, dir, &shutdown).await?;
    output::json(&serving.ready)?;
    shutdown.draining().begun().await;
    serving.finish().await
}

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

/// The runtime of a server.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("pix-stream")
        .build()
        .map_err(|error| Failure::new(format_args!("the runtime cannot start: {error}")))
}

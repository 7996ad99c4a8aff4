//! `pix-stream serve`: the server, until a signal ends it.

use std::path::Path;
use std::time::Duration;

use pix_stream_config::{Config, Flags};
use pix_stream_process::configuration;

use crate::cli::ServeArgs;
use crate::failure::Failure;
use crate::shutdown::Shutdown;
use crate::telemetry::Filter;
use crate::{output, serving, telemetry};

/// How long the end of the process waits for what a finished server left running: closing its files.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// The configuration has problems, or something that serving needs cannot be had.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let flags = Flags { listen: args.listen.listen, admin_listen: args.listen.admin_listen };
    let config = configuration::load(&args.config, flags)?;
    let file = std::path::absolute(&args.config).map_err(Failure::new)?;
    let dir = file.parent().unwrap_or(&file).to_owned();
    let (_log, filter) = telemetry::start(&config.log).map_err(Failure::new)?;
    run_to_end(serve(&config, &dir, filter))
}

async fn serve(config: &Config, dir: &Path, filter: Filter) -> Result<(), Failure> {
    let shutdown = Shutdown::listen().map_err(Failure::new)?;
    let mut serving = serving::start(config, dir, &shutdown, filter).await?;
    // Nobody reading it is no reason not to serve; the line is in `data/ready.json` too.
    if let Err(error) = output::json(&serving.ready) {
        tracing::warn!(%error, "the ready line could not be written");
    }
    let mut draining = shutdown.draining();
    let lost = tokio::select! {
        () = draining.begun() => None,
        failure = serving.listener_lost() => Some(failure),
    };
    let finished = serving.finish().await;
    lost.map_or(finished, Err)
}

/// Runs a server on a runtime of its own; what is still running when it has ended is given up.
///
/// # Errors
/// The system gives no threads, or what the future says.
pub fn run_to_end(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(REST_TIMEOUT);
    result
}

/// The runtime of a command.
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

//! Signals: the first SIGTERM or SIGINT asks for a drain, the second ends the process; SIGHUP asks for a reload.
//!
//! What draining and reloading mean is the business of whoever waits here. The only place that ends the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Exit;
use crate::output;

/// Listens to signals and tells everybody who waits. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    draining: watch::Sender<bool>,
    reloads: watch::Sender<u64>,
}

impl Shutdown {
    /// Starts to listen, inside a tokio runtime. From here on signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The system refuses a signal handler.
    pub fn listen() -> io::Result<Self> {
        let shutdown = Self::without_signals();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        tokio::spawn(end(shutdown.clone(), terminate, interrupt));
        tokio::spawn(reload(shutdown.clone(), hang_up));
        Ok(shutdown)
    }

    /// One that no signal reaches: for tests, and for a server inside another command.
    #[must_use]
    pub fn without_signals() -> Self {
        Self { draining: watch::Sender::new(false), reloads: watch::Sender::new(0) }
    }

    /// Asks for a drain, as the first signal does.
    pub fn begin(&self) {
        self.draining.send_replace(true);
    }

    /// Asks for a reload, as SIGHUP does.
    pub fn reload(&self) {
        self.reloads.send_modify(|count| *count += 1);
    }

    /// Somewhere to wait for the drain.
    #[must_use]
    pub fn draining(&self) -> Draining {
        Draining { source: self.draining.subscribe() }
    }

    /// Somewhere to wait for reloads that are asked for from now on.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        Reloads { source: self.reloads.subscribe() }
    }
}

/// Waits for the drain. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Draining {
    source: watch::Receiver<bool>,
}

impl Draining {
    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.source.borrow()
    }

    /// Returns when the drain has begun, at once if it has already; also when nobody can begin it any more.
    pub async fn begun(&mut self) {
        let _ = self.source.wait_for(|draining| *draining).await;
    }
}

/// Waits for reloads.
#[derive(Debug, Clone)]
pub struct Reloads {
    source: watch::Receiver<u64>,
}

impl Reloads {
    /// Returns `true` after a reload was asked for, several at a time as one; `false` when nobody can ask any more.
    pub async fn next(&mut self) -> bool {
        self.source.changed().await.is_ok()
    }
}

async fn end(shutdown: Shutdown, mut terminate: Signal, mut interrupt: Signal) {
    next(&mut terminate, &mut interrupt).await;
    shutdown.begin();
    next(&mut terminate, &mut interrupt).await;
    output::note("interrupted twice: ending at once");
    exit_at_once();
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn reload(shutdown: Shutdown, mut hang_up: Signal) {
    while hang_up.recv().await.is_some() {
        shutdown.reload();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the second signal means now: destructors and drains are skipped"
)]
fn exit_at_once() {
    std::process::exit(i32::from(Exit::Interrupted.code()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_learns_of_the_drain_also_later() {
        let shutdown = Shutdown::without_signals();
        let mut early = shutdown.draining();
        assert!(!early.has_begun());
        shutdown.begin();
        early.begun().await;
        shutdown.draining().begun().await;
        assert!(shutdown.draining().has_begun());
    }

    #[tokio::test]
    async fn signals_of_the_process_are_heard() {
        use rustix::process::{Signal, getpid, kill_process};
        let shutdown = Shutdown::listen().unwrap();
        let (mut draining, mut reloads) = (shutdown.draining(), shutdown.reloads());
        kill_process(getpid(), Signal::HUP).unwrap();
        assert!(reloads.next().await);
        assert!(!draining.has_begun());
        kill_process(getpid(), Signal::TERM).unwrap();
        draining.begun().await;
    }

    #[tokio::test]
    async fn reloads_asked_for_together_are_one() {
        let shutdown = Shutdown::without_signals();
        let mut reloads = shutdown.reloads();
        shutdown.reload();
        shutdown.reload();
        assert!(reloads.next().await);
        drop(shutdown);
        assert!(!reloads.next().await);
    }
}

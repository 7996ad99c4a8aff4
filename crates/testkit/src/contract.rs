//! What every implementation of a port must do, one suite per port.
//!
//! A suite is plain async functions, one per promise of the port's documentation, and `test_all` that runs them.
//! An adapter calls `test_all` from one test; what only it can do - reopen, fill a disk - it tests itself, with
//! the suites' `test_reopening` where there is one. Suites need no runtime of a certain kind and never sleep.
//! The codec has no suite: there is one codec, and its bytes are tested against fixtures.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking, as a test does")]

pub mod anchors;
pub mod audit_archive;
pub mod audit_log;
pub mod coordinator;
pub mod intake;
pub mod journal;
pub mod quarantine;
pub mod serial_states;
mod states;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use pix_stream_domain::ispb::Ispb;

/// The participants of the suites.
fn ispb(n: u32) -> Ispb {
    format!("{:08}", 99_999_000 + n).parse().unwrap()
}

/// Runs futures at once in this task, and answers in their order.
async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, answer) in running.iter_mut().filter(|(_, answer)| answer.is_none()) {
            match Pin::new(future).poll(context) {
                Poll::Ready(value) => *answer = Some(value),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, answer)| answer).collect()
}

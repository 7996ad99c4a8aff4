//! The producer: publishes numbered messages over several connections and waits for each 201.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use color_eyre::eyre::{Result, eyre};

use crate::connection::Connection;
use crate::figures::Sample;
use crate::gauge::{self, Cpu};
use crate::message;
use crate::site::{self, READERS, Running, Site};

/// Connections of the producer: enough that commits are shared.
const CONNECTIONS: usize = 16;
/// Consecutive numbers that go to one participant.
pub(crate) const RUN: u64 = 10;
const BOUNDARY: &str = "a-boundary-of-the-benchmark";

/// Who gets a number.
pub(crate) fn reader_of(number: u64) -> usize {
    usize::try_from(number / RUN).unwrap_or(0) % READERS
}

/// Publishes all numbers of a range, [`RUN`] or one in a request. Both ends are multiples of [`RUN`].
pub(crate) fn publish(site: &Site, running: &Running, numbers: Range<u64>, alone: bool) -> Result<Sample> {
    let next = AtomicU64::new(numbers.start);
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(running.api, site.producer())?;
        connection.exchange(super::pull::CATALOG)?.expect(&[200])?;
        connections.push(connection);
    }
    let (before, began) = (Cpu::of(running.pid())?, gauge::now());
    let latencies = thread::scope(|scope| {
        let post = |mut connection| post_all(&mut connection, &next, numbers.end, alone);
        let threads: Vec<_> = connections.into_iter().map(|c| scope.spawn(move || post(c))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .map(|result| result.map_err(|_| eyre!("a defect ended the producer"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let elapsed = began.elapsed();
    let cpu = Cpu::of(running.pid())?.since(&before);
    Ok(Sample::new(elapsed, cpu, latencies.concat()))
}

fn post_all(connection: &mut Connection, next: &AtomicU64, end: u64, alone: bool) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let first = next.fetch_add(RUN, Ordering::Relaxed);
        if first >= end {
            return Ok(latencies);
        }
        let step = if alone { 1 } else { RUN };
        for start in (first..first + RUN).step_by(usize::try_from(step)?) {
            let request = request(start..start + step);
            let sent = gauge::now();
            connection.exchange(&request)?.expect(&[201])?;
            latencies.push(sent.elapsed());
        }
    }
}

fn request(numbers: Range<u64>) -> Vec<u8> {
    let ispb = site::ispb(reader_of(numbers.start));
    let many = numbers.end - numbers.start > 1;
    let mut body = Vec::with_capacity(12 * message::BYTES);
    for number in numbers {
        if many {
            let head = format!("--{BOUNDARY}\r\nContent-Type: application/xml; charset=utf-8\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        body.extend(message::make(&ispb, number));
        if many {
            body.extend_from_slice(b"\r\n");
        }
    }
    let mut kind = "application/xml; charset=utf-8".to_owned();
    if many {
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        kind = format!("multipart/mixed; boundary={BOUNDARY}");
    }
    let head = format!(
        "POST /api/v1/out/{ispb}/msgs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

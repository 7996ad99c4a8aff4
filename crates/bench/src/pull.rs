//! The consumers: kept-alive streams that read on as fast as answers come. What they got is kept, not looked at.
//!
//! Reading on confirms. Checking comes after measuring, in `verify`, so that the load stays light.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, eyre};
use rustls::ClientConfig;

use crate::connection::{Answer, Connection};
use crate::figures::Sample;
use crate::gauge::{self, Cpu};
use crate::site;

/// A request that any trusted client may send: it brings a handshake to its end.
pub(crate) const CATALOG: &[u8] = b"GET /api/v1/out/catalog HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What the path that opens a stream ends with.
const START: &str = "/stream/start";

/// The coding that a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
        }
    }
}

/// One body with messages, and for whom it was.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) reader: usize,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// A reader's stream, or a place that gives the same answer again and again.
pub(crate) struct Stream {
    connection: Connection,
    pub(crate) reader: usize,
    coding: Coding,
    next: String,
}

impl Stream {
    /// Connects for a stream that is still to be opened.
    pub(crate) fn of_reader(
        address: SocketAddr,
        client: &Arc<ClientConfig>,
        reader: usize,
        coding: Coding,
    ) -> Result<Self> {
        let start = format!("/api/v1/out/{}{START}", site::ispb(reader));
        let mut stream = Self { connection: Connection::open(address, client)?, reader, coding, next: start };
        stream.connection.exchange(CATALOG)?.expect(&[200])?;
        Ok(stream)
    }

    /// Connects to a place that never changes.
    pub(crate) fn of_path(
        address: SocketAddr,
        client: &Arc<ClientConfig>,
        path: &str,
        coding: Coding,
    ) -> Result<Self> {
        let mut stream =
            Self { connection: Connection::open(address, client)?, reader: 0, coding, next: path.to_owned() };
        stream.read()?.expect(&[200])?;
        Ok(stream)
    }

    /// Asks for what is next, without waiting for it.
    pub(crate) fn ask(&mut self) -> Result<()> {
        let request = self.request("GET");
        self.connection.send(&request)
    }

    /// Waits for the answer to [`Self::ask`], which must be that there is nothing.
    pub(crate) fn await_nothing(&mut self) -> Result<()> {
        self.connection.receive()?.expect(&[204]).map(drop)
    }

    /// Reads on, and so confirms what came before.
    pub(crate) fn read(&mut self) -> Result<Answer> {
        let request = self.request("GET");
        let mut answer = self.connection.exchange(&request)?;
        if let Some(next) = answer.next.take() {
            self.next = next;
        }
        Ok(answer)
    }

    /// Confirms the last batch and closes the stream. One that was never opened has nothing to close.
    pub(crate) fn close(&mut self) -> Result<()> {
        if self.next.ends_with(START) {
            return Ok(());
        }
        let request = self.request("DELETE");
        self.connection.exchange(&request)?.expect(&[200])?;
        Ok(())
    }

    fn request(&self, method: &str) -> Vec<u8> {
        let (next, coding) = (&self.next, self.coding.name());
        format!(
            "{method} {next} HTTP/1.1\r\nHost: localhost\r\nAccept: multipart/mixed\r\nAccept-Encoding: {coding}\r\n\
             User-Agent: pix-stream-bench\r\n\r\n"
        )
        .into_bytes()
    }

    /// Reads until its reader's share is used up, or nothing comes.
    fn read_on(&mut self, left: &AtomicI64) -> Result<(Vec<Duration>, Vec<Taken>)> {
        let (mut latencies, mut taken) = (Vec::new(), Vec::new());
        while left.fetch_sub(1, Ordering::Relaxed) > 0 {
            let sent = gauge::now();
            let answer = self.read()?.expect(&[200, 204])?;
            if answer.status == 204 {
                break;
            }
            latencies.push(sent.elapsed());
            let content_type = answer.content_type.ok_or_eyre("an answer has no Content-Type")?;
            taken.push(Taken { reader: self.reader, content_type, body: answer.body });
        }
        Ok((latencies, taken))
    }
}

/// Reads on with all streams at once, `pulls[reader]` times for each reader; measures the process meanwhile.
pub(crate) fn read_all(streams: &mut [Stream], pulls: &[u64], pid: u32) -> Result<(Sample, Vec<Taken>)> {
    let left: Vec<_> = pulls.iter().map(|&pulls| AtomicI64::new(i64::try_from(pulls).unwrap_or(0))).collect();
    let (before, began) = (Cpu::of(pid)?, gauge::now());
    let results = thread::scope(|scope| {
        let left = &left;
        let read_on = |stream: &'_ mut Stream| {
            let share = &left[stream.reader];
            stream.read_on(share)
        };
        let threads: Vec<_> = streams.iter_mut().map(|stream| scope.spawn(move || read_on(stream))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|result| result.map_err(|_| eyre!("a defect ended a reader"))?).collect::<Result<Vec<_>>>()
    })?;
    let elapsed = began.elapsed();
    let cpu = Cpu::of(pid)?.since(&before);
    let (latencies, taken): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    let taken = taken.into_iter().flatten().collect();
    Ok((Sample::new(elapsed, cpu, latencies.concat()), taken))
}

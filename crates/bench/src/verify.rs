//! Whether every message arrived once, for the right reader, byte for byte: a benchmark of wrong answers is worth nothing.

use std::collections::HashSet;
use std::io::Read as _;
use std::ops::Range;

use color_eyre::eyre::{OptionExt as _, Result, ensure};
use flate2::read::GzDecoder;

use crate::pull::{Coding, Taken};
use crate::site::{self, READERS};
use crate::{message, publish};

/// More than this does not come out of one body.
const INFLATED_MAX: u64 = 1024 * 1024;

/// What is still to come of a range of numbers.
#[derive(Debug)]
pub(crate) struct Expected {
    numbers: Range<u64>,
    seen: Vec<bool>,
    resource_ids: HashSet<Vec<u8>>,
}

impl Expected {
    pub(crate) fn new(numbers: Range<u64>) -> Self {
        let count = usize::try_from(numbers.end - numbers.start).unwrap_or(0);
        Self { numbers, seen: vec![false; count], resource_ids: HashSet::with_capacity(count) }
    }

    /// Messages that each reader has not got yet.
    pub(crate) fn missing(&self) -> [u64; READERS] {
        let mut missing = [0; READERS];
        for (number, seen) in self.numbers.clone().zip(&self.seen) {
            missing[publish::reader_of(number)] += u64::from(!seen);
        }
        missing
    }

    /// Takes in what readers got.
    pub(crate) fn take(&mut self, taken: &[Taken], coding: Coding) -> Result<()> {
        for one in taken {
            let mut inflated = Vec::new();
            let body = match coding {
                Coding::Identity => &one.body,
                Coding::Gzip => {
                    GzDecoder::new(one.body.as_slice()).take(INFLATED_MAX).read_to_end(&mut inflated)?;
                    &inflated
                }
            };
            for (resource_id, xml) in parts(body, &one.content_type)? {
                self.take_message(one.reader, resource_id, xml)?;
            }
        }
        Ok(())
    }

    fn take_message(&mut self, reader: usize, resource_id: &[u8], xml: &[u8]) -> Result<()> {
        let number = message::find_number(xml).ok_or_eyre("a message without a number arrived")?;
        ensure!(self.numbers.contains(&number), "message {number} arrived, which was not published just now");
        ensure!(publish::reader_of(number) == reader, "message {number} arrived at another participant");
        ensure!(xml == message::make(&site::ispb(reader), number), "message {number} was changed on its way");
        let place = usize::try_from(number - self.numbers.start)?;
        ensure!(!std::mem::replace(&mut self.seen[place], true), "message {number} arrived twice");
        ensure!(self.resource_ids.insert(resource_id.to_vec()), "two messages have one PI-ResourceId");
        Ok(())
    }
}

/// The parts of a multipart body: `PI-ResourceId` and XML.
fn parts<'a>(body: &'a [u8], content_type: &str) -> Result<Vec<(&'a [u8], &'a [u8])>> {
    let boundary = content_type.split_once("boundary=").ok_or_eyre("an answer has no boundary")?.1;
    let line = format!("--{boundary}");
    let mut rest =
        body.strip_prefix(line.as_bytes()).ok_or_eyre("a body does not begin with its boundary")?;
    let delimiter = format!("\r\n{line}");
    let mut parts = Vec::with_capacity(10);
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, delimiter.as_bytes()).ok_or_eyre("a part does not end")?;
        let (part, after) = (&part[..end], &part[end + delimiter.len()..]);
        let head_end = find(part, b"\r\n\r\n").ok_or_eyre("a part has no head")?;
        let name: &[u8] = b"\r\nPI-ResourceId: ";
        let id_at = find(&part[..head_end], name).ok_or_eyre("a part has no PI-ResourceId")? + name.len();
        parts.push((&part[id_at..head_end], &part[head_end + 4..]));
        rest = after;
    }
    ensure!(rest == b"--\r\n", "a body does not end with its closing line");
    Ok(parts)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(numbers: &[u64]) -> Taken {
        let mut body = Vec::new();
        for &number in numbers {
            let head = format!(
                "--B\r\nContent-Type: application/xml; charset=utf-8\r\nPI-ResourceId: {number:032}\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(message::make(&site::ispb(0), number));
            body.extend(b"\r\n");
        }
        body.extend(b"--B--\r\n");
        Taken { reader: 0, content_type: "multipart/mixed; boundary=B".to_owned(), body }
    }

    #[test]
    fn what_arrived_is_no_longer_missing() {
        let mut expected = Expected::new(0..40);
        assert_eq!(expected.missing(), [10; READERS]);
        expected.take(&[taken(&[0, 1, 2])], Coding::Identity).unwrap();
        assert_eq!(expected.missing(), [7, 10, 10, 10]);
    }

    #[test]
    fn a_repeat_is_found() {
        let mut expected = Expected::new(0..40);
        assert!(expected.take(&[taken(&[3, 3])], Coding::Identity).is_err());
    }

    #[test]
    fn a_changed_byte_is_found() {
        let mut changed = taken(&[3]);
        let at = changed.body.len() - 200;
        changed.body[at] ^= 1;
        assert!(Expected::new(0..40).take(&[changed], Coding::Identity).is_err());
    }

    #[test]
    fn a_message_for_somebody_else_is_found() {
        assert!(Expected::new(0..40).take(&[taken(&[10])], Coding::Identity).is_err());
    }
}

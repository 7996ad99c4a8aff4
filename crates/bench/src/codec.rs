//! What a publish costs before the journal: parse, validate, deflate, digest, render; one thread, and no server.
//!
//! Each step is measured over the same messages in turn, in CPU time of this thread, so that others on its core are
//! not counted. A step that cannot run by itself is what a run with it takes longer than one without.

use std::hint::black_box;
use std::time::Duration;

use color_eyre::eyre::{Result, ensure, eyre};
use pix_stream_adapter_xml::signature::{Certificates, Verifier};
use pix_stream_adapter_xml::{Limits, Options, Schemas, XmlCodec, reader_config};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::{Codec as _, Part};
use rustix::time::{ClockId, clock_gettime};
use xml::EventReader;
use xml::reader::XmlEvent;

use crate::console;
use crate::figures::{Costs, Report, Samples, Step};
use crate::message::{self, Size};
use crate::site;

/// Different messages of one size.
const MESSAGES: u64 = 128;
const ROUNDS: usize = 41;
/// The version that has a schema, and one that has none: the same bytes but for two digits.
const VERSION: &str = "1.16";
const VERSION_UNKNOWN: &str = "1.99";
/// A message with a real signature, and the certificate of its key.
const SIGNED: &str = include_str!("../../../crates/signature/tests/golden/signed/message.xml");
const SIGNER: &str = include_str!("../../../crates/signature/tests/golden/signed/signer.pem");
/// When the certificate is valid, in Unix seconds; it was made after the message.
const SIGNER_VALID: u64 = 1_800_000_000;
/// How often the signed message is examined in a round.
const SIGNED_RUNS: usize = 64;

/// Measures the steps for both sizes, and what a check of signatures adds.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    for size in [Size::Small, Size::Full] {
        console::progress(&format!("[bench] codec, pacs.008 of {} bytes", size.bytes()));
        report.costs.push(Subject::new(size)?.measure()?);
    }
    console::progress("[bench] codec, signatures");
    report.costs.push(signatures()?);
    Ok(())
}

/// The messages of one size, and what looks at them.
struct Subject {
    size: Size,
    recipient: Ispb,
    /// With a schema, and without one.
    messages: [Vec<Vec<u8>>; 2],
    parts: Vec<Part>,
    codec: XmlCodec,
}

impl Subject {
    fn new(size: Size) -> Result<Self> {
        let reader = site::ispb(0);
        let of = |version| (0..MESSAGES).map(|n| message::make_order(&reader, n, size, version)).collect();
        let messages: [Vec<Vec<u8>>; 2] = [of(VERSION), of(VERSION_UNKNOWN)];
        let codec = XmlCodec::new(
            Options { unvalidated: vec![format!("pacs.008.spi.{VERSION_UNKNOWN}")], ..Options::default() },
            Schemas::built_in(),
        );
        let parts = messages[0].iter().zip(0_u128..).map(|(xml, n)| codec.render(id(n), xml, None)).collect();
        Ok(Self { size, recipient: reader.parse()?, messages, parts, codec })
    }

    fn measure(&self) -> Result<Costs> {
        let [with, without] = &self.messages;
        let [mut bare, mut ruled, mut whole] = std::array::from_fn(|_| Samples::default());
        let [mut chained, mut digest, mut render, mut alone] = std::array::from_fn(|_| Samples::default());
        for _ in 0..ROUNDS {
            bare.add(each(with, |_, xml| is_read(xml))?);
            ruled.add(each(without, |_, xml| self.codec.examine(xml, Some(self.recipient)).is_ok())?);
            whole.add(each(with, |_, xml| self.codec.examine(xml, Some(self.recipient)).is_ok())?);
            chained.add(each(&self.parts, |at, part| {
                let previous = &self.parts[(at + self.parts.len() - 1) % self.parts.len()];
                !black_box(self.codec.chained(part, previous)).deflated.is_empty()
            })?);
            digest.add(each(with, |_, xml| black_box(Digest::of(xml)).0 != [0; 32])?);
            render.add(each(with, |at, xml| {
                black_box(self.codec.render(id(at as u128), xml, None)).xml_len() == xml.len()
            })?);
            alone.add(each(&self.parts, |_, part| !black_box(self.codec.alone(part)).deflated.is_empty())?);
        }
        let steps = vec![
            Step::new("xml-rs alone", &bare),
            Step::between("markup, limits, rules of the header", &ruled, &bare),
            Step::between("schema", &whole, &ruled).target("9,000"),
            Step::new("chained segment", &chained).target("7,500"),
            Step::new("SHA-256 digest", &digest),
            Step::new("part rendered", &render),
            Step::new("segment alone, for the first of a batch", &alone).aside(),
        ];
        Ok(Costs { subject: format!("publish of a signed pacs.008 of {} bytes", self.size.bytes()), steps })
    }
}

/// What `[publish] verify_signature` adds to a message that passes.
fn signatures() -> Result<Costs> {
    let certificates = Certificates::from_files([("signer.pem", SIGNER)])
        .map_err(|problems| eyre!("the signer's certificate cannot be used: {problems:?}"))?;
    let (digest, full) = (Verifier::digest(), Verifier::full(certificates));
    let [without, with] = [XmlCodec::default(), XmlCodec::default()];
    with.replace_verifier(Some(Verifier::digest()));
    let messages = vec![SIGNED.as_bytes(); SIGNED_RUNS];
    let [mut plain, mut checked, mut by_digest, mut by_key] = std::array::from_fn(|_| Samples::default());
    for _ in 0..ROUNDS {
        let examine = |codec: &XmlCodec| each(&messages, |_, xml| codec.examine(xml, None).is_ok());
        let verify = |by: &Verifier| each(&messages, |_, xml| by.verify(xml, SIGNER_VALID).is_ok());
        plain.add(examine(&without)?);
        checked.add(examine(&with)?);
        by_digest.add(verify(&digest)?);
        by_key.add(verify(&full)?);
    }
    let steps = vec![
        Step::new("parse, schema, rules", &plain),
        Step::between("signature: canonical forms, digests", &checked, &plain),
        Step::between("signature: RSA, by a certificate", &by_key, &by_digest),
    ];
    Ok(Costs { subject: format!("check of a signed pibr.001 of {} bytes", SIGNED.len()), steps })
}

fn id(number: u128) -> ResourceId {
    ResourceId::new(Timestamp::from_unix_millis(1_767_614_400_000), number.to_be_bytes())
}

/// Microseconds of CPU that one of `subjects` takes. Fails unless `run` is content with each.
fn each<T>(subjects: &[T], run: impl Fn(usize, &T) -> bool) -> Result<f64> {
    let before = cpu();
    let right = subjects.iter().enumerate().filter(|(at, one)| run(*at, one)).count();
    let used = cpu().saturating_sub(before);
    ensure!(right == subjects.len(), "{} messages were refused", subjects.len() - right);
    Ok(used.as_secs_f64() * 1e6 / subjects.len().max(1) as f64)
}

/// CPU time of this thread.
pub(crate) fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or(0))
}

/// Reads a message with the settings of the codec, and does nothing with it.
fn is_read(xml: &[u8]) -> bool {
    let mut reader = EventReader::new_with_config(xml, reader_config(&Limits::default()));
    loop {
        match reader.next() {
            Ok(XmlEvent::EndDocument) => return true,
            Ok(event) => drop(black_box(event)),
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_succeeds() {
        let subject = Subject::new(Size::Small).unwrap();
        assert!(each(&subject.messages[0], |_, xml| is_read(xml)).is_ok());
        for messages in &subject.messages {
            let outcome = subject.codec.examine(&messages[0], Some(subject.recipient));
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        let codec = XmlCodec::default();
        codec.replace_verifier(Some(Verifier::digest()));
        let outcome = codec.examine(SIGNED.as_bytes(), None);
        assert!(outcome.is_ok(), "{outcome:?}");
        let certificates = Certificates::from_files([("signer.pem", SIGNER)]).unwrap();
        assert_eq!(Verifier::full(certificates).verify(SIGNED.as_bytes(), SIGNER_VALID), Ok(()));
    }

    #[test]
    fn a_message_that_is_refused_ends_the_measurement() {
        assert!(each(&[b"<a>".to_vec()], |_, xml| is_read(xml)).is_err());
    }
}

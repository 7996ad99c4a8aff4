//! What a check costs, printed and not judged: `cargo test --release -p pix-stream-signature figures -- --nocapture`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pix_stream_signature::{Fault, Part, Verifier};
use xml::ParserConfig;

use crate::corpus::{samples, throw_away};
use crate::key::{NOW, signer};
use crate::signed::plain;

/// The shortest of several runs: what it costs when nobody else uses the machine.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
fn shortest(runs: u32, mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    // Without optimisation the figures mean nothing, and one run shows that the test works.
    let runs = if cfg!(debug_assertions) { 1 } else { runs };
    (0..runs).map(timed).min().unwrap_or_default()
}

/// The pass of the reader without a check, which a caller pays that reads the message itself.
fn reader_alone(xml: &str) -> Duration {
    shortest(20, || {
        let config = ParserConfig::new().cdata_to_characters(true).whitespace_to_characters(true);
        assert!(config.create_reader(xml.as_bytes()).into_iter().all(|event| event.is_ok()));
    })
}

#[test]
fn figures_of_signed_messages() {
    let ours = plain(signer());
    let full = signer().verifier();
    let digest = shortest(50, || assert_eq!(Verifier::digest().verify(ours.as_bytes(), NOW), Ok(())));
    let whole = shortest(50, || assert_eq!(full.verify(ours.as_bytes(), NOW), Ok(())));
    println!(
        "{} bytes, signed here: digests {digest:?}, full {whole:?}, of which the reader alone {:?}",
        ours.len(),
        reader_alone(&ours)
    );
    let small = |(path, xml): (std::path::PathBuf, Vec<u8>)| {
        (path.to_string_lossy().contains("pacs.008") && xml.len() < 4_000).then_some(xml)
    };
    let small: Vec<Vec<u8>> = samples("synthetic").into_iter().filter_map(small).take(10).collect();
    if small.is_empty() {
        return;
    }
    let full = Verifier::full(throw_away());
    let count = u32::try_from(small.len()).unwrap();
    let bytes = small.iter().map(Vec::len).sum::<usize>() / small.len();
    let of = |verifier: &Verifier| {
        shortest(50, || small.iter().for_each(|xml| assert_eq!(verifier.verify(xml, NOW), Ok(())))) / count
    };
    println!(
        "synthetic pacs.008 of {bytes} bytes: digests {:?}, full {:?}",
        of(&Verifier::digest()),
        of(&full)
    );
}

/// Bodies of 256 KiB that make canonical forms large: within the limits of the examination.
fn hostile() -> Vec<(&'static str, String)> {
    const SIZE: usize = 256 * 1024;
    let long = |n: usize| format!("urn:{n}{}", "x".repeat(120));
    let prefixes: String = (0..8).fold(String::new(), |mut all, n| {
        let _ = write!(all, " xmlns:n{n}=\"{}\"", long(n));
        all
    });
    let filled = |open: &str, unit: &str, close: &str| {
        let signed = plain(signer());
        let (before, rest) = signed.split_once("<Document>").unwrap();
        let before = before.replacen("<Envelope", &format!("<Envelope{prefixes}"), 1);
        let after = rest.split_once("</Document>").unwrap().1;
        let room = SIZE - before.len() - after.len() - open.len() - close.len() - 21;
        let elements = unit.matches("/>").count() + unit.matches("</").count();
        let units = unit.repeat((room / unit.len()).min(12_000 / elements.max(1)));
        format!("{before}<Document>{open}{units}{close}</Document>{after}")
    };
    let deep = |name: &str| (format!("<{name}>").repeat(28), format!("</{name}>").repeat(28));
    let (open, close) = deep("a");
    let (open_prefixed, close_prefixed) = deep("n0:a");
    let attributes: String = (0..8).fold(String::new(), |mut all, n| {
        let _ = write!(all, " n{n}:b=\"\" n{n}:c=\"\"");
        all
    });
    vec![
        ("empty elements, deep", filled(&open, "<b/>", &close)),
        ("prefixed elements, deep", filled(&open, "<n1:b/><n2:b/><n3:b/>", &close)),
        ("sixteen prefixed attributes each", filled(&open, &format!("<b{attributes}/>"), &close)),
        (
            "prefixes bound anew",
            filled(&open_prefixed, "<n0:b xmlns:n0=\"u\"><n0:c xmlns:n0=\"v\"/></n0:b>", &close_prefixed),
        ),
        ("towers of 28", filled("", &format!("{open}{close}"), "")),
        ("text to escape", filled("", "&gt;&amp;&#13;", "")),
        ("identifiers", filled("", "<b/><!-- x --><?p x?>", "")),
    ]
}

#[test]
fn figures_of_hostile_messages() {
    for (what, xml) in hostile() {
        assert!(xml.len() <= 256 * 1024);
        let refused = Err(Fault::Digest(Part::Document));
        let time = shortest(20, || assert_eq!(Verifier::digest().verify(xml.as_bytes(), NOW), refused));
        println!("{what}, {} bytes: {time:?}, of which the reader alone {:?}", xml.len(), reader_alone(&xml));
    }
}

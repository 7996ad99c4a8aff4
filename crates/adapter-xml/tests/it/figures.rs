//! What examining and deflating cost, printed and not judged: `cargo test --release figures -- --nocapture`.

use std::time::{Duration, Instant};

use pix_stream_adapter_xml::XmlCodec;
use pix_stream_ports::codec::{Codec as _, Part};

use crate::corpus::samples;
use crate::message::{DOCUMENT, NAMESPACE, envelope, header};
use crate::splice::{rendered, spliced};

/// The shortest of several runs: what it costs when nobody else uses the machine.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
fn shortest(runs: u32, mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..runs).map(timed).min().unwrap_or_default()
}

fn signed() -> Vec<Vec<u8>> {
    let small = |(path, xml): (std::path::PathBuf, Vec<u8>)| {
        let path = path.to_string_lossy().into_owned();
        (path.contains("synthetic/pacs.008") && xml.len() < 4_000).then_some(xml)
    };
    samples().into_iter().filter_map(small).take(10).collect()
}

#[test]
fn figures_of_ten_signed_messages() {
    let (codec, messages) = (XmlCodec::default(), signed());
    let parts: Vec<Part> = messages.iter().zip(0..).map(|(xml, n)| rendered(xml, n)).collect();
    if parts.len() < 10 {
        return;
    }
    let examine = shortest(50, || messages.iter().for_each(|xml| assert!(codec.examine(xml).is_ok()))) / 10;
    let alone = shortest(50, || parts.iter().for_each(|p| assert!(!codec.alone(p).deflated.is_empty()))) / 10;
    let chained = shortest(50, || {
        parts.windows(2).for_each(|p| assert!(!codec.chained(&p[1], &p[0]).deflated.is_empty()));
    }) / 9;
    println!("ten pacs.008 of {} bytes each:", messages.iter().map(Vec::len).sum::<usize>() / 10);
    println!("  examine {examine:?}, alone {alone:?}, chained {chained:?} a message");
    let (plain, gzip) = spliced(&parts, &[false; 10]);
    let (_, unchained) = spliced(&parts, &[true; 10]);
    println!("  identity {}, chained {}, unchained {}", plain.len(), gzip.len(), unchained.len());
}

#[test]
fn figures_of_hostile_documents() {
    const SIZE: usize = 256 * 1024;
    let codec = XmlCodec::default();
    let fill = |piece: &str| piece.repeat((SIZE - 2_000) / piece.len());
    let body = |content: &str| envelope(&format!("{}<Document>{content}</Document>", header("", "")));
    let prefixes: String = (0..8).map(|n| format!(" xmlns:n{n}=\"urn:{n}{}\"", "x".repeat(120))).collect();
    let declared: String = (0..12_000).map(|n| format!(" xmlns:n{n}=\"u\"")).collect();
    let parameters: String = (1..8_000).map(|n| format!("<!ENTITY % e{n} \"%e{};\">", n - 1)).collect();
    for (name, xml) in [
        ("deep", body(&fill("<a>"))),
        ("small elements", body(&fill("<a/>"))),
        ("elements under eight long prefixes", body(&format!("<a{prefixes}>{}</a>", fill("<a/>")))),
        ("redeclared prefixes", body(&fill("<a xmlns:b=\"urn:c\"/>"))),
        ("prefixes of one element", body(&format!("<a{declared}/>"))),
        ("text", body(&fill("x"))),
        ("character references", body(&fill("&#65;"))),
        ("CDATA", body(&fill("<![CDATA[x]]>"))),
        ("comments", body(&fill("<!--x-->"))),
        ("brackets", body(&fill("]]a"))),
        ("attributes", body(&fill("<a b=\"\" c=\"\" d=\"\" e=\"\" f=\"\" g=\"\" h=\"\" i=\"\" j=\"\"/>"))),
        ("parameter entities", format!("<!DOCTYPE a [<!ENTITY % e0 \"x\">{parameters}]>")),
        ("long id", format!("<Envelope xmlns=\"{NAMESPACE}\"><AppHdr><BizMsgIdr>{}", fill("&#65;"))),
        ("end-to-end ids", body(&fill(DOCUMENT))),
    ] {
        let xml = &xml.as_bytes()[..xml.len().min(SIZE)];
        let took = shortest(3, || drop(codec.examine(xml)));
        let verdict = codec.examine(xml).map_or_else(|i| i.reason, |_| "accepted".to_owned());
        println!("{took:>10.1?} {name}: {verdict}");
    }
}

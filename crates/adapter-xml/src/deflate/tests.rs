//! The compressor's reuse and its fallback; that segments splice is shown in `tests/it/splice.rs` (X.5).

use flate2::{Decompress, FlushDecompress};

use super::*;

fn inflated(segment: &[u8], dictionary: &[u8], len: usize) -> Vec<u8> {
    let mut inflate = Decompress::new(false);
    if !dictionary.is_empty() {
        inflate.set_dictionary(dictionary).unwrap();
    }
    let mut plain = Vec::with_capacity(len + 64);
    inflate.decompress_vec(segment, &mut plain, FlushDecompress::Sync).unwrap();
    plain
}

#[test]
fn a_segment_ends_with_a_sync_flush() {
    assert!(alone(b"<Envelope/>").deflated.ends_with(&[0, 0, 0xff, 0xff]));
}

#[test]
fn no_bytes_deflate_to_a_segment_of_no_bytes() {
    assert_eq!(inflated(&alone(b"").deflated, b"", 0), b"");
    assert_eq!(alone(b"").checksum, Checksum::EMPTY);
}

#[test]
fn a_used_compressor_gives_what_a_new_one_gives() {
    let (first, second) = ("<a>one</a>".repeat(500), "<a>two</a>".repeat(9_000));
    let mut used = Deflater::new(LEVEL);
    for (plain, dictionary) in [(&first, ""), (&second, &*first), (&first, &*second), (&second, "")] {
        let again = used.deflate(plain.as_bytes(), dictionary.as_bytes());
        assert_eq!(again, Deflater::new(LEVEL).deflate(plain.as_bytes(), dictionary.as_bytes()));
    }
}

#[test]
fn a_part_that_holds_nul_is_deflated_without_dictionary() {
    let part = [b"<a>".as_slice(), &[0; 60], b"</a>"].concat();
    let segment = chained(&part, &part);
    assert_eq!(inflated(&segment.deflated, b"", part.len()), part);
}

#[test]
fn stored_blocks_say_the_same() {
    let plain = b"0123456789".repeat(20_000);
    assert_eq!(inflated(&stored(&plain), b"", plain.len()), plain);
}

/// Printed, not judged: what the levels cost and bring for parts like a signed payment's.
#[test]
fn figures_of_the_levels() {
    let parts: Vec<Vec<u8>> = (0..10_u64).map(payment).collect();
    let dictionary = |n: usize| [&parts[n - 1][..], &[0; BOUNDARY_LINE_LEN]].concat();
    for level in 1..=9 {
        let mut deflater = Deflater::new(level);
        let alone: usize = parts.iter().map(|part| deflater.deflate(part, b"").len()).sum();
        let chained: usize = (1..10).map(|n| deflater.deflate(&parts[n], &dictionary(n)).len()).sum();
        let one = shortest(|| drop(deflater.deflate(&parts[1], b"")));
        let dictionary = dictionary(1);
        let behind = shortest(|| drop(deflater.deflate(&parts[1], &dictionary)));
        println!("level {level}: alone {} B {one:?}, chained {} B {behind:?}", alone / 10, chained / 9);
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
fn shortest(mut run: impl FnMut()) -> std::time::Duration {
    let timed = |_| {
        let start = std::time::Instant::now();
        run();
        start.elapsed()
    };
    (0..200).map(timed).min().unwrap()
}

/// Some 3.6 kB of which a third cannot be guessed, as in a signed message: digests, a signature, ids, amounts.
fn payment(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = |len: usize, alphabet: &[u8]| -> String {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(alphabet[usize::try_from(state >> 33).unwrap() % alphabet.len()])
        };
        (0..len).map(|_| next()).collect()
    };
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const DIGITS: &[u8] = b"0123456789";
    let mut xml = String::from("<Envelope xmlns=\"https://www.bcb.gov.br/pi/pacs.008/1.16\"><AppHdr><Sgntr>");
    for _ in 0..3 {
        xml += "<ds:Reference URI=\"\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
                </ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>";
        xml += &format!("{}</ds:DigestValue></ds:Reference>", noise(44, BASE64));
    }
    xml +=
        &format!("<ds:SignatureValue>{}</ds:SignatureValue></Sgntr></AppHdr><Document>", noise(344, BASE64));
    for name in [
        "MsgId",
        "EndToEndId",
        "IntrBkSttlmAmt",
        "AccptncDtTm",
        "Dbtr",
        "DbtrAcct",
        "CdtrAgt",
        "Cdtr",
        "CdtrAcct",
    ] {
        let id = noise(14, DIGITS);
        xml += &format!(
            "<{name}><Id><PrvtId><Othr><Id>{id}</Id></Othr></PrvtId></Id><Tp><Cd>CACC</Cd></Tp></{name}>"
        );
    }
    while xml.len() < 3_500 {
        xml += &format!(
            "<RmtInf><Strd><AddtlRmtInf>pagamento {}</AddtlRmtInf></Strd></RmtInf>",
            noise(9, DIGITS)
        );
    }
    (xml + "</Document></Envelope>").into_bytes()
}

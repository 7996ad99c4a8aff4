//! The gathered samples of real messages, where they are at hand, and our own frozen message.

use std::path::{Path, PathBuf};

use pix_stream_signature::{Certificates, Fault, Part, Verifier};

use crate::key::NOW;

/// Where the gathered samples lie beside a checkout; they are not part of the repository.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/spi-samples");
const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/signed");

/// 2027-01-15T08:00:00Z: the certificate of the frozen message counts from the day on which it was made.
const FROZEN_NOW: u64 = 1_800_000_000;

/// The samples of one folder, or none with a line that nobody overlooks.
pub(crate) fn samples(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(SAMPLES);
    if !root.is_dir() {
        println!("SKIPPED: the gathered samples are not beside this checkout");
        return Vec::new();
    }
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// The certificate that is printed in the samples' description.
pub(crate) fn throw_away() -> Certificates {
    let readme = std::fs::read(Path::new(SAMPLES).join("README.md")).unwrap();
    Certificates::from_files([("README.md", readme)]).unwrap()
}

#[test]
fn the_digests_of_the_captured_message_recompute() {
    for (path, xml) in samples("captured") {
        assert_eq!(Verifier::digest().verify(&xml, NOW), Ok(()), "{}", path.display());
        // Its signer's certificate is not public.
        assert_eq!(Verifier::full(throw_away()).verify(&xml, NOW), Err(Fault::UnknownCertificate));
    }
}

#[test]
fn every_synthetic_message_verifies_with_the_throw_away_certificate() {
    let samples = samples("synthetic");
    for (path, xml) in &samples {
        assert_eq!(Verifier::full(throw_away()).verify(xml, NOW), Ok(()), "{}", path.display());
    }
    println!("{} synthetic messages verified", samples.len());
    assert!(samples.is_empty() || samples.len() == 39);
}

/// The first catalogue's examples were indented after they were signed: already the digest of `KeyInfo`, which is the
/// same in all five, is that of another text.
#[test]
fn the_first_catalogues_examples_were_changed_after_signing() {
    for (path, xml) in samples("official-2020-catalog-1.1") {
        let verdict = Verifier::digest().verify(&xml, NOW);
        assert_eq!(verdict, Err(Fault::Digest(Part::KeyInfo)), "{}", path.display());
    }
}

#[test]
fn the_central_banks_examples_are_not_signed() {
    for folder in ["official", "official-5.13"] {
        for (path, xml) in samples(folder) {
            assert_eq!(Verifier::digest().verify(&xml, NOW), Err(Fault::Unsigned), "{}", path.display());
        }
    }
}

/// Signed once by another implementation (libxml2's canonical forms, OpenSSL's signature), with a key that was thrown
/// away.
#[test]
fn the_frozen_message_of_another_signer_verifies() {
    let file = |name| std::fs::read(Path::new(FROZEN).join(name)).unwrap();
    let verifier = Verifier::full(Certificates::from_files([("signer.pem", file("signer.pem"))]).unwrap());
    assert_eq!(verifier.verify(&file("message.xml"), FROZEN_NOW), Ok(()));
}

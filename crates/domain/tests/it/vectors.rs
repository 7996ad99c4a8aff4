//! Known answers for the token, computed without this crate (`fixtures/tokens`): B.3.

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Cursor, Generation};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::{Claims, Keyring};
use pix_stream_domain::version::Incarnation;

type Vector = BTreeMap<String, String>;

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tokens/vectors.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("\n\n").map(|block| {
        let lines = block.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(" = ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    });
    blocks.filter(|vector: &Vector| !vector.is_empty()).collect()
}

fn number(vector: &Vector, name: &str) -> u64 {
    vector[name].parse().unwrap()
}

fn small<T: TryFrom<u64, Error: std::fmt::Debug>>(vector: &Vector, name: &str) -> T {
    T::try_from(number(vector, name)).unwrap()
}

fn key(vector: &Vector) -> [u8; 32] {
    let hex = &vector["key"];
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

fn cursor(vector: &Vector) -> Cursor {
    let start = Sequence::new(number(vector, "start"));
    Cursor {
        slot: small(vector, "slot"),
        generation: Generation {
            incarnation: Incarnation::new(small(vector, "incarnation")),
            number: small(vector, "number"),
        },
        pull: number(vector, "pull"),
        empties: small(vector, "empties"),
        batch: Range::new(start, start.plus(number(vector, "length"))),
        issued_at: Timestamp::from_unix_millis(number(vector, "issued_at")),
        expires_at: Timestamp::from_unix_millis(number(vector, "expires_at")),
    }
}

#[test]
fn known_claims_become_the_known_token_and_boundary() {
    for vector in vectors() {
        let ring = Keyring::new((small(&vector, "key_id"), key(&vector)), None);
        let signed = ring.sign(vector["ispb"].parse().unwrap(), small(&vector, "region"), &cursor(&vector));
        assert_eq!(signed.as_str(), vector["token"], "{}", vector["vector"]);
        assert_eq!(std::str::from_utf8(signed.boundary()), Ok(&*vector["boundary"]), "{}", vector["vector"]);
    }
}

#[test]
fn the_known_token_is_verified_and_says_the_known_claims() {
    for vector in vectors() {
        let ring = Keyring::new((small(&vector, "key_id"), key(&vector)), None);
        let claims = Claims {
            key: small(&vector, "key_id"),
            ispb: vector["ispb"].parse().unwrap(),
            region: small(&vector, "region"),
            cursor: cursor(&vector),
        };
        assert_eq!(ring.verify(&vector["token"]), Ok(claims), "{}", vector["vector"]);
    }
}

#[test]
fn there_are_vectors() {
    assert_eq!(vectors().len(), 5);
}

//! What a token promises (B.3).

use super::*;

fn cursor() -> Cursor {
    Cursor {
        slot: 2,
        generation: Generation { incarnation: Incarnation::new(3), number: 41 },
        pull: 7,
        empties: 1,
        batch: Range::new(Sequence::new(100), Sequence::new(110)),
        issued_at: Timestamp::from_unix_millis(1_763_900_000_000),
        expires_at: Timestamp::from_unix_millis(1_763_900_300_000),
    }
}

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

#[test]
fn a_token_comes_back_as_it_was_signed() {
    let ring = Keyring::new((1, [7; 32]), None);
    let signed = ring.sign(ispb(), 0, &cursor());
    assert_eq!(signed.as_str().len(), TEXT_LEN);
    assert!(signed.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert_eq!(
        ring.verify(signed.as_str()),
        Ok(Claims { key: 1, ispb: ispb(), region: 0, cursor: cursor() })
    );
    assert_eq!(inspect(signed.as_str()), ring.verify(signed.as_str()));
}

#[test]
fn every_changed_character_is_noticed() {
    let ring = Keyring::new((1, [7; 32]), None);
    let signed = ring.sign(ispb(), 0, &cursor());
    for at in 0..TEXT_LEN {
        for other in [b'A', b'b', b'9', b'_', b'.', b'='] {
            let mut text = signed.as_str().as_bytes().to_vec();
            if text[at] == other {
                continue;
            }
            text[at] = other;
            assert!(ring.verify(std::str::from_utf8(&text).unwrap()).is_err(), "changed at {at}");
        }
    }
}

#[test]
fn a_token_of_the_previous_key_is_good_and_of_a_retired_one_is_not() {
    let old = Keyring::new((1, [7; 32]), None);
    let both = Keyring::new((2, [8; 32]), Some((1, [7; 32])));
    let new = Keyring::new((2, [8; 32]), None);
    let token = old.sign(ispb(), 0, &cursor());
    assert!(both.verify(token.as_str()).is_ok());
    assert_eq!(new.verify(token.as_str()), Err(Error::UnknownKey(1)));
    assert_eq!(both.verify(both.sign(ispb(), 0, &cursor()).as_str()).map(|c| c.key), Ok(2));
}

#[test]
fn the_same_key_id_with_another_secret_does_not_verify() {
    let ours = Keyring::new((1, [7; 32]), None);
    let theirs = Keyring::new((1, [8; 32]), None);
    assert_eq!(ours.verify(theirs.sign(ispb(), 0, &cursor()).as_str()), Err(Error::Signature));
}

#[test]
fn the_boundary_is_the_same_for_a_replay_and_differs_for_another_token() {
    let ring = Keyring::new((1, [7; 32]), None);
    let first = ring.sign(ispb(), 0, &cursor());
    let again = ring.sign(ispb(), 0, &cursor());
    let other = ring.sign(ispb(), 0, &Cursor { pull: 8, ..cursor() });
    assert_eq!(first, again);
    assert_ne!(first.boundary(), other.boundary());
}

#[test]
fn texts_of_other_lengths_are_malformed() {
    let ring = Keyring::new((1, [7; 32]), None);
    for text in ["", "start", "AAAA", &"A".repeat(TEXT_LEN + 1)] {
        assert_eq!(ring.verify(text), Err(Error::Malformed));
    }
    assert_eq!(ring.verify(&"A".repeat(TEXT_LEN)), Err(Error::Format(0)));
}

//! Bytes from outside: tokens and stored states never panic, and come back as they were written (B.2, B.3).

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Cursor, Generation, StreamState};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::{Error, Keyring, TEXT_LEN, inspect};
use pix_stream_domain::version::Incarnation;
use proptest::prelude::*;

fn cursor() -> impl Strategy<Value = Cursor> {
    let numbers = (0_u8..6, any::<u32>(), any::<u32>(), any::<u64>(), any::<u32>());
    let times = (0_u64..1 << 48, 0_u64..1 << 48);
    (numbers, times, 1_u64..1 << 60, 0_u64..=10).prop_map(|(numbers, times, start, len)| {
        let (slot, incarnation, number, pull, empties) = numbers;
        Cursor {
            slot,
            generation: Generation { incarnation: Incarnation::new(incarnation), number },
            pull,
            empties,
            batch: Range::new(Sequence::new(start), Sequence::new(start + len)),
            issued_at: Timestamp::from_unix_millis(times.0),
            expires_at: Timestamp::from_unix_millis(times.1),
        }
    })
}

fn ispb() -> impl Strategy<Value = Ispb> {
    "[0-9A-Z]{8}".prop_filter_map("an ISPB", |text| text.parse().ok())
}

proptest! {
    #[test]
    fn a_signed_token_says_what_was_signed(
        cursor in cursor(), ispb in ispb(), region in any::<u16>(), id in 1_u8.., key in any::<[u8; 32]>(),
    ) {
        let ring = Keyring::new((id, key), None);
        let signed = ring.sign(ispb, region, &cursor);
        let claims = ring.verify(signed.as_str()).unwrap();
        prop_assert_eq!((claims.key, claims.ispb, claims.region, claims.cursor), (id, ispb, region, cursor));
        prop_assert_eq!(inspect(signed.as_str()), Ok(claims));
    }

    #[test]
    fn a_changed_token_is_refused(cursor in cursor(), at in 0..TEXT_LEN, to in "[0-9A-Za-z_-]") {
        let ring = Keyring::new((1, [7; 32]), None);
        let text = ring.sign("99999A04".parse().unwrap(), 0, &cursor).as_str().to_owned();
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != text);
        prop_assert!(ring.verify(&changed).is_err());
    }

    #[test]
    fn a_token_of_another_secret_is_refused(cursor in cursor(), theirs in any::<[u8; 32]>()) {
        prop_assume!(theirs != [7; 32]);
        let text = Keyring::new((1, theirs), None).sign("99999A04".parse().unwrap(), 0, &cursor);
        let ours = Keyring::new((1, [7; 32]), Some((2, [8; 32])));
        prop_assert_eq!(ours.verify(text.as_str()), Err(Error::Signature));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,130}", of_length in "[0-9A-Za-z_-]{115}") {
        let ring = Keyring::new((1, [7; 32]), None);
        prop_assert!(ring.verify(&text).is_err());
        prop_assert!(ring.verify(&of_length).is_err());
        let _may_be_claims = inspect(&of_length);
        let _may_be_an_id = text.parse::<ResourceId>();
        let _may_be_an_ispb = text.parse::<Ispb>();
    }

    #[test]
    fn any_bytes_are_read_as_a_state_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _damaged = StreamState::decode(&bytes);
        if let Some(format) = bytes.first_mut() {
            *format = 1;
        }
        if let Ok(state) = StreamState::decode(&bytes) {
            prop_assert_eq!(StreamState::decode(&state.encode()), Ok(state));
        }
    }

    #[test]
    fn a_state_with_a_changed_byte_is_damaged_or_passes_every_check(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = StreamState::new(Incarnation::new(1), Sequence::new(5)).encode();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(state) = StreamState::decode(&bytes) {
            prop_assert_eq!(state.check(), Ok(()));
        }
    }
}

//! The rules of a group, and a property: whatever is grouped, the outcome is as if requests came one after the other.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const WINDOW: Duration = Duration::from_secs(60);

fn message(id: u8, content: u8, seconds: u64) -> NewMessage {
    let published_at = Timestamp::from_unix_millis(1_800_000_000_000 + 1000 * seconds);
    let xml = Bytes::from(vec![content]);
    NewMessage {
        key: MessageKey { business_id: format!("M{id}").into(), digest: Digest::of(&xml), published_at },
        resource_id: ResourceId::new(published_at, [id; 16]),
        message_type: "pacs.008.spi.1.16".into(),
        xml,
    }
}

fn earlier(message: &NewMessage, sequence: u64) -> Earlier {
    Earlier {
        sequence,
        resource_id: message.resource_id,
        digest: message.key.digest,
        published_at: message.key.published_at,
    }
}

fn plan_of(requests: &[Vec<NewMessage>], found: &Found, next: u64) -> Plan {
    plan(requests.iter().map(|request| (request.as_slice(), WINDOW)), found, next)
}

fn sequences(answer: &Answer) -> Vec<(u64, bool)> {
    answer.as_ref().unwrap().iter().map(|one| (one.sequence.value(), one.is_repeat)).collect()
}

#[test]
fn a_refused_request_uses_up_no_number_and_hides_nothing_from_the_next() {
    let requests = [
        vec![message(1, 1, 0)],
        vec![message(2, 2, 0), message(1, 9, 0)],
        vec![message(2, 5, 0), message(1, 1, 0)],
    ];
    let plan = plan_of(&requests, &Found::default(), 10);
    assert_eq!(sequences(&plan.answers[0]), vec![(10, false)]);
    assert_eq!(plan.answers[1], Err(1));
    assert_eq!(sequences(&plan.answers[2]), vec![(11, false), (10, true)]);
    assert_eq!(plan.inserts, vec![(0, 0), (2, 0)]);
}

#[test]
fn the_newest_stored_message_of_a_business_id_counts() {
    let mut found = Found::default();
    let (old, new) = (message(1, 1, 0), message(1, 2, 100));
    for (one, sequence) in [(&new, 8), (&old, 3)] {
        found.add("M1".into(), earlier(one, sequence));
    }
    let plan = plan_of(&[vec![message(1, 2, 110)], vec![message(1, 1, 110)]], &found, 20);
    assert_eq!(sequences(&plan.answers[0]), vec![(8, true)]);
    assert_eq!(plan.answers[1], Err(0));
}

#[test]
fn after_the_window_a_business_id_is_free() {
    let mut found = Found::default();
    found.add("M1".into(), earlier(&message(1, 1, 0), 3));
    let plan = plan_of(&[vec![message(1, 1, 59)], vec![message(1, 7, 60)]], &found, 20);
    assert_eq!(sequences(&plan.answers[0]), vec![(3, true)]);
    assert_eq!(sequences(&plan.answers[1]), vec![(20, false)]);
}

proptest! {
    #[test]
    fn a_group_is_as_good_as_its_requests_one_by_one(
        requests in proptest::collection::vec(
            proptest::collection::vec((0..12_u8, 0..3_u8), 0..6), 1..12),
        split in 0..12_usize,
    ) {
        let requests: Vec<Vec<NewMessage>> = requests.into_iter()
            .map(|ids| ids.into_iter().map(|(id, content)| message(id, content, 0)).collect())
            .collect();
        let mut found = Found::default();
        let (mut next, mut one_by_one) = (5, Vec::new());
        for request in &requests {
            let plan = plan_of(std::slice::from_ref(request), &found, next);
            for (_, index) in &plan.inserts {
                let message = &request[*index];
                found.add(message.key.business_id.clone(), earlier(message, next));
                next += 1;
            }
            one_by_one.extend(plan.answers);
        }
        let (first, second) = requests.split_at(split.min(requests.len()));
        let plan = plan_of(first, &Found::default(), 5);
        let mut found = Found::default();
        for (n, (request, index)) in plan.inserts.iter().enumerate() {
            let message = &first[*request][*index];
            found.add(message.key.business_id.clone(), earlier(message, 5 + n as u64));
        }
        let then = plan_of(second, &found, 5 + plan.inserts.len() as u64);
        let grouped: Vec<_> = plan.answers.into_iter().chain(then.answers).collect();
        prop_assert_eq!(grouped, one_by_one);
    }
}

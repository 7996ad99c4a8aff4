//! What a node concludes from one round after another (design, section 8). Simulated regions: `world`.

use super::*;

mod world;

fn terms(name: &str, all: &[&str]) -> Terms {
    Terms {
        name: name.into(),
        all: all.iter().map(|region| Box::from(*region)).collect(),
        lease: Duration::from_secs(10),
        margin: Duration::from_secs(2),
        takeover_after: Some(Duration::from_secs(15)),
    }
}

fn row(region: &str, holder: &str, epoch: u32, beat: u8) -> Row {
    let (region, holder) = (region.into(), holder.into());
    Row { region, epoch, holder, waits: false, is_new: false, beat: [beat; 16] }
}

fn ispb(n: u64) -> Ispb {
    format!("{n:08}").parse().unwrap()
}

/// A node that has renewed everything at `at`.
fn renewed(at: Moment, rows: Vec<Row>, records: Vec<Record>) -> Round {
    let renewed = rows.iter().filter(|row| &*row.holder == "sp");
    let renewed = renewed.map(|row| (row.region.clone(), row.epoch)).collect();
    let owners = Some(Arc::default());
    Round { started: at, ended: at, rows, renewed, owners, records: Some(records), is_agreed: true }
}

fn at(seconds: u64) -> Moment {
    Moment { steady: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) }
}

/// A participant that hashing gives to a region.
fn one_of(region: &str) -> Ispb {
    let all = terms("sp", &["sp", "rj"]).all;
    (0..).map(ispb).find(|ispb| hash::owner(&all, *ispb) == Some(region)).unwrap()
}

fn node() -> Claims {
    Claims::new(terms("sp", &["sp", "rj"]))
}

fn both() -> Vec<Row> {
    vec![row("sp", "sp", 1, 1), row("rj", "rj", 1, 2)]
}

#[test]
fn a_claim_ends_by_itself_before_the_lease_does() {
    let mut node = node();
    assert!(matches!(node.sequencing(one_of("sp"), at(0)), Sequencing::Nobody { .. }));
    node.apply(renewed(at(0), both(), Vec::new()));
    assert_eq!(node.sequencing(one_of("sp"), at(7)), Sequencing::Here);
    assert_eq!(node.epoch(one_of("sp"), at(7)), Some(1));
    assert!(matches!(node.sequencing(one_of("sp"), at(8)), Sequencing::Nobody { .. }));
    assert_eq!(node.sequencing(one_of("rj"), at(7)), Sequencing::Elsewhere { region: "rj".into() });
    assert!(matches!(node.sequencing(one_of("rj"), at(12)), Sequencing::Nobody { .. }), "it is silent");
}

#[test]
fn a_machine_that_slept_has_lost_its_claim() {
    let mut node = node();
    node.apply(renewed(at(0), both(), Vec::new()));
    let slept = Moment { steady: Duration::from_secs(1), wall: Duration::from_secs(60) };
    assert!(matches!(node.sequencing(one_of("sp"), slept), Sequencing::Nobody { .. }));
}

#[test]
fn a_claim_rests_on_owners_and_take_overs_that_are_as_fresh() {
    for (owners, records) in [(None, Some(Vec::new())), (Some(Arc::default()), None)] {
        let mut node = node();
        node.apply(Round { owners, records, ..renewed(at(0), both(), Vec::new()) });
        assert_eq!(node.epoch(one_of("sp"), at(1)), None);
    }
}

#[test]
fn what_was_handed_over_is_served_once_the_holder_before_has_surely_stopped() {
    let mut node = node();
    let handed = || vec![row("sp", "sp", 1, 1), Row { waits: true, ..row("rj", "sp", 2, 3) }];
    for second in [0, 5, 11] {
        node.apply(renewed(at(second), handed(), Vec::new()));
        assert_eq!(node.epoch(one_of("rj"), at(second)), None, "at {second} s");
    }
    node.apply(renewed(at(12), handed(), Vec::new()));
    assert_eq!(node.epoch(one_of("rj"), at(12)), Some(2));
}

#[test]
fn a_participant_that_was_given_another_owner_waits_too_and_has_the_higher_epoch() {
    let mut node = node();
    let moved = Owner { region: Some("sp".into()), epoch: 7, settled: false };
    let owners = |owner: Owner| Some(Arc::new(BTreeMap::from([(one_of("rj"), owner)])));
    for second in [0, 6] {
        node.apply(Round { owners: owners(moved.clone()), ..renewed(at(second), both(), Vec::new()) });
        assert_eq!(node.epoch(one_of("rj"), at(second)), None);
    }
    node.apply(Round { owners: owners(moved.clone()), ..renewed(at(12), both(), Vec::new()) });
    assert_eq!(node.epoch(one_of("rj"), at(12)), Some(7));
    let settled = Owner { settled: true, ..moved };
    let mut fresh = Claims::new(terms("sp", &["sp", "rj"]));
    fresh.apply(Round { owners: owners(settled), ..renewed(at(0), both(), Vec::new()) });
    assert_eq!(fresh.epoch(one_of("rj"), at(0)), Some(7), "others have waited for it");
}

fn record(taker: &str, region: &str, epoch: u32, state: RecordState) -> Record {
    Record { taker: taker.into(), region: region.into(), epoch, state }
}

#[test]
fn a_returning_region_finds_the_take_over_before_it_serves() {
    for state in [RecordState::Intent, RecordState::Done, RecordState::Merged] {
        let mut node = node();
        node.apply(renewed(at(0), both(), vec![record("rj", "sp", 2, state)]));
        assert_eq!(node.epoch(one_of("sp"), at(1)), None, "{state:?}");
        assert_eq!(node.sequencing(one_of("sp"), at(1)), Sequencing::Elsewhere { region: "rj".into() });
        assert!(!node.is_ours(&both()[0]), "it does not renew either");
    }
    let mut node = node();
    node.apply(renewed(at(0), both(), vec![record("rj", "sp", 2, RecordState::Withdrawn)]));
    assert_eq!(node.epoch(one_of("sp"), at(1)), Some(1), "it was none");
    let later = vec![row("sp", "sp", 3, 4), row("rj", "rj", 1, 2)];
    node.apply(renewed(at(1), later, vec![record("rj", "sp", 2, RecordState::Merged)]));
    assert_eq!(node.epoch(one_of("sp"), at(2)), Some(3), "it was given back since");
}

#[test]
fn a_take_over_by_command_is_served_in_its_own_epoch() {
    let mut node = node();
    let records = vec![record("sp", "rj", 2, RecordState::Done), record("sp", "sp", 2, RecordState::Done)];
    let renewed_here = vec![("rj".into(), 2), ("sp".into(), 2)];
    node.apply(Round { renewed: renewed_here, ..renewed(at(0), both(), records) });
    assert_eq!(node.epoch(one_of("rj"), at(1)), Some(2));
    assert_eq!(node.epoch(one_of("sp"), at(1)), Some(2));
    let merged = vec![record("sp", "rj", 2, RecordState::Merged)];
    node.apply(Round { renewed: Vec::new(), ..renewed(at(2), both(), merged) });
    assert_eq!(node.epoch(one_of("rj"), at(7)), Some(2), "what was certain runs out");
    assert_eq!(node.epoch(one_of("rj"), at(8)), None, "from then on the row counts");
}

#[test]
fn of_two_take_overs_both_sides_go_by_the_same_one() {
    let records = || vec![record("sp", "rj", 2, RecordState::Done), record("rj", "rj", 2, RecordState::Done)];
    let mut sp = node();
    sp.apply(Round { renewed: vec![("rj".into(), 2)], ..renewed(at(0), both(), records()) });
    let mut rj = Claims::new(terms("rj", &["sp", "rj"]));
    rj.apply(Round { renewed: vec![("rj".into(), 2)], ..renewed(at(0), both(), records()) });
    assert_eq!(sp.epoch(one_of("rj"), at(1)), Some(2));
    assert_eq!(rj.epoch(one_of("rj"), at(1)), None);
}

#[test]
fn what_is_known_never_goes_back() {
    let mut node = node();
    let later = vec![row("sp", "rj", 4, 4), row("rj", "rj", 1, 2)];
    let owner = |epoch| Owner { region: Some("rj".into()), epoch, settled: true };
    let owners = |epoch| Some(Arc::new(BTreeMap::from([(one_of("sp"), owner(epoch))])));
    let records = vec![record("rj", "sp", 3, RecordState::Merged)];
    node.apply(Round { owners: owners(7), ..renewed(at(0), later, records) });
    let earlier = vec![record("rj", "sp", 3, RecordState::Intent)];
    let copies = Round { is_agreed: false, owners: owners(2), ..renewed(at(1), both(), earlier) };
    node.apply(copies);
    assert_eq!(node.rows().iter().map(|row| row.epoch).max(), Some(4));
    assert_eq!(node.owners.get(&one_of("sp")), Some(&owner(7)));
    assert_eq!(node.records, [record("rj", "sp", 3, RecordState::Merged)]);
    node.apply(renewed(at(2), both(), vec![record("rj", "sp", 5, RecordState::Intent)]));
    assert_eq!(node.records, [record("rj", "sp", 5, RecordState::Intent)], "a later one follows");
}

#[test]
fn a_region_goes_on_with_what_its_own_copies_give_it() {
    let node = node();
    let proven = || BTreeMap::from([(Box::from("sp"), 1)]);
    assert_eq!(node.going_on(&both(), &[], proven()), [("sp".into(), 1)]);
    assert_eq!(node.going_on(&both(), &[], BTreeMap::new()), [], "not if it was never certain");
    let given_away = [row("sp", "rj", 2, 4)];
    assert_eq!(node.going_on(&given_away, &[], proven()), []);
    let given_back = [row("sp", "sp", 3, 5)];
    assert_eq!(node.going_on(&given_back, &[], proven()), [], "it was not certain of that one");
    assert_eq!(node.going_on(&[], &[], proven()), [], "it is not known");
    let taken = [record("sp", "rj", 2, RecordState::Done), record("rj", "sp", 2, RecordState::Done)];
    assert_eq!(node.going_on(&[], &taken, BTreeMap::new()), [("rj".into(), 2)]);
}

#[test]
fn the_wait_of_a_new_holder_begins_when_all_sides_know_of_it() {
    let mut node = node();
    let handed = || vec![row("sp", "sp", 1, 1), Row { waits: true, ..row("rj", "sp", 2, 3) }];
    let moved = Owner { region: Some("sp".into()), epoch: 7, settled: false };
    let owners = || Some(Arc::new(BTreeMap::from([(one_of("rj"), moved.clone())])));
    node.apply(Round { is_agreed: false, owners: owners(), ..renewed(at(0), handed(), Vec::new()) });
    for second in [15, 26] {
        node.apply(Round { owners: owners(), ..renewed(at(second), handed(), Vec::new()) });
        assert_eq!(node.epoch(one_of("rj"), at(second)), None, "at {second} s");
    }
    node.apply(Round { owners: owners(), ..renewed(at(27), handed(), Vec::new()) });
    assert_eq!(node.epoch(one_of("rj"), at(27)), Some(7));
}

#[test]
fn what_takes_its_time_is_begun_only_under_a_claim_that_lasts() {
    let mut node = node();
    node.apply(renewed(at(0), both(), Vec::new()));
    let second = Duration::from_secs(1);
    assert_eq!(node.epoch_for(one_of("sp"), at(6), second), Some(1));
    assert_eq!(node.epoch_for(one_of("sp"), at(7), second), None);
    assert_eq!(node.epoch(one_of("sp"), at(7)), Some(1));
}

#[test]
fn a_take_over_that_ended_is_not_written_over() {
    use RecordState::{Done, Intent, Merged, Withdrawn};
    for (stored, next, may) in [
        (Intent, Withdrawn, true),
        (Intent, Done, true),
        (Done, Withdrawn, false),
        (Done, Intent, false),
        (Done, Merged, true),
        (Withdrawn, Done, false),
        (Merged, Withdrawn, false),
    ] {
        assert_eq!(next.may_follow(stored), may, "{next:?} over {stored:?}");
    }
}

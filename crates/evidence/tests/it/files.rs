//! Chains in files against their anchors, and an auditor's walk over them (issue 7, item 5).

use pix_stream_domain::audit::ChainId;
use pix_stream_evidence::anchored::Verdict;
use pix_stream_evidence::files::{ChainFiles, chains, find_hash};
use pix_stream_evidence::report::{read_files, walk_files};
use pix_stream_evidence::start::find_breaks;

use crate::made::{anchor, chain, message, moment, records, write};

const NAME: ChainId = ChainId([5; 8]);

fn folder(count: u64) -> (tempfile::TempDir, Vec<ChainFiles>) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &chain(&records(count)), 4, NAME);
    let chains = chains(&[dir.path().to_owned()]).unwrap();
    (dir, chains)
}

#[test]
fn a_message_is_walked_through_in_one_go_with_the_chain_verified() {
    let (_dir, chains) = folder(20);
    let whole = chain(&records(20));
    let chains: Vec<_> = chains.into_iter().map(|chain| (chain, vec![anchor(NAME, &whole, 18)])).collect();
    let walked = walk_files(&chains, message(3).resource_id).unwrap();
    assert!(walked.verified, "{:?}", walked.chains);
    let journey = walked.journey.unwrap();
    assert_eq!((journey.sequence, journey.published.len(), journey.carried.len()), (3, 2, 1));
    assert_eq!(walked.chains[0].chain, NAME.to_string());
    assert_eq!(walked.chains[0].last, 20);
    assert!(walked.chains[0].first > 1, "what happened long before it was published is not read");
}

#[test]
fn a_cut_tail_a_chain_made_anew_and_an_emptied_folder_do_not_fit_their_anchor() {
    let whole = chain(&records(20));
    for (count, entry, expected) in
        [(20, 20, ""), (19, 20, "its end was cut off"), (0, 20, "its end was cut off")]
    {
        let (_dir, chains) = folder(count);
        let chains: Vec<_> =
            chains.into_iter().map(|chain| (chain, vec![anchor(NAME, &whole, entry)])).collect();
        let reports = read_files(&chains, None, |_, _| ()).unwrap();
        assert_eq!(reports[0].holds, expected.is_empty(), "{:?}", reports[0]);
        assert!(reports[0].findings.concat().contains(expected), "{:?}", reports[0]);
    }
    let mut other = records(20);
    other[0].request_id = "another".into();
    let (_dir, chains) = folder(20);
    let anchors = vec![anchor(NAME, &chain(&other), 20)];
    let reports = read_files(&[(chains[0].clone(), anchors)], None, |_, _| ()).unwrap();
    assert!(reports[0].findings[0].contains("made anew"), "{:?}", reports[0]);
}

#[test]
fn an_entry_is_found_by_its_number_in_the_file_that_holds_it() {
    let (dir, _) = folder(10);
    let whole = chain(&records(10));
    for n in 1..=10 {
        assert_eq!(find_hash(dir.path(), n).unwrap(), Some(whole[usize::try_from(n).unwrap() - 1].1));
    }
    assert_eq!(find_hash(dir.path(), 11).unwrap(), None);
}

#[test]
fn files_from_before_a_time_are_left_out() {
    let (_dir, chains) = folder(40);
    let chains: Vec<_> = chains.into_iter().map(|chain| (chain, Vec::new())).collect();
    let mut seen = 0;
    let reports = read_files(&chains, Some(moment(30)), |_, _| seen += 1).unwrap();
    assert_eq!((reports[0].first, reports[0].last, seen), (25, 40, 16));
}

#[test]
fn at_its_start_a_log_is_held_against_its_anchor_and_alone_against_all() {
    let (dir, _) = folder(10);
    let whole = chain(&records(12));
    let breaks = |anchors: &[_], is_alone| find_breaks(dir.path(), NAME, anchors, is_alone).unwrap();
    let held = anchor(NAME, &whole, 10);
    let cut = anchor(NAME, &whole, 12);
    assert_eq!(breaks(&[held], false), []);
    assert_eq!(breaks(&[cut], false), [(cut, Verdict::Cut)]);
    let foreign = anchor(ChainId([6; 8]), &whole, 12);
    assert_eq!(breaks(&[held, foreign], false), [], "another node's");
    assert_eq!(breaks(&[held, foreign], true), [(foreign, Verdict::Cut)], "there is no other node");
    let renamed = anchor(ChainId([6; 8]), &whole, 9);
    assert_eq!(breaks(&[renamed], true), [], "the same chain under an earlier name");
    let told = pix_stream_ports::anchors::Anchor { broken_at: Some(moment(13)), ..cut };
    assert_eq!(breaks(&[told], true), [], "told already, and in the log");
}

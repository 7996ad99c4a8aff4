//! The wire contract from outside, over real TLS, one connection a request: against one machine, and against two nodes
//! of a cluster where every request goes to the other node than the one before (requirements C.1 to C.5, X.1; issue 6).
//!
//! One test a site, because making a site is what takes time; the cases run side by side, each with a participant of its
//! own, and all that fail are named.

mod errors;
mod publishing;
pub(crate) mod site;
mod streams;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;

use site::{Bank, Site};

type Case = (&'static str, fn(Bank) -> Pin<Box<dyn Future<Output = ()> + Send>>);

/// A list of cases from functions, each named as it is written.
macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        [$($((concat!(stringify!($module), "::", stringify!($name)), |bank| Box::pin($module::$name(bank)))),+),+]
    };
}

const CASES: [Case; 25] = cases! {
    streams: what_is_published_is_pulled_byte_for_byte_in_order,
        the_same_token_gives_the_same_answer_until_the_next_one,
        an_empty_read_carries_a_token_and_leaves_the_old_one_good,
        a_waiting_read_is_woken_by_a_message,
        the_seventh_stream_is_refused_and_a_closed_one_makes_room,
        six_streams_share_all_messages_and_no_message_is_on_two,
        a_close_confirms_its_batch_and_nothing_more,
        an_abandoned_batch_comes_again_with_the_same_ids,
        a_late_return_counts_as_confirmed,
        a_close_ends_the_waiting_read_of_its_stream,
        one_message_a_read_where_nothing_else_is_accepted,
        gzip_is_one_member_with_the_same_bytes;
    publishing: the_same_bytes_again_are_stored_once,
        other_bytes_under_a_known_id_conflict_and_store_nothing,
        an_invalid_part_refuses_the_whole_request,
        many_producers_at_once_leave_no_gap,
        a_repeat_while_the_first_is_still_under_way_is_stored_once,
        what_is_left_in_the_queue_is_delivered_once_in_order_or_quarantined;
    errors: a_foreign_participant_is_forbidden,
        unknown_paths_and_participants_are_not_found,
        wrong_methods_and_types_are_refused_before_a_cursor_moves,
        tampered_and_foreign_tokens_are_invalid,
        a_pause_holds_on_every_node_until_it_ends,
        the_rate_window_shows_in_every_answer,
        a_participant_is_known_on_every_node_as_soon_as_it_is_onboarded;
};

async fn run(site: Site) {
    let site = Arc::new(site);
    let mut running = JoinSet::new();
    for (number, (name, case)) in CASES.into_iter().enumerate() {
        let bank = Bank::new(&site, number);
        let case = tokio::spawn(case(bank));
        running.spawn(async move { (name, case.await) });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (name, outcome) = ended.unwrap();
        if outcome.is_err() {
            failed.push(name);
        }
    }
    failed.sort_unstable();
    assert!(
        failed.is_empty(),
        "{} of {} cases failed: {failed:#?}\n{}",
        failed.len(),
        CASES.len(),
        site.logs()
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn one_machine_keeps_the_contract() {
    let site = Site::on_one_machine(CASES.len());
    runtime().block_on(run(site));
}

#[test]
fn two_nodes_of_a_cluster_keep_the_contract() {
    let Some(site) = Site::on_two_nodes(CASES.len()) else { return };
    runtime().block_on(run(site));
}

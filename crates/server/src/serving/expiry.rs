//! Warnings before certificates and revocation lists run out: at the start, after each reload, and every few hours.
//!
//! Metrics say the same all the time; alerts are made of those. Nothing is renewed here.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_listener::tls::{ListExpiry, TlsStore};

use crate::system;

/// How often it is said again.
const AGAIN_AFTER: Duration = Duration::from_secs(6 * 3600);
/// From this much life left on, a certificate is worth a warning, in seconds.
const CERTIFICATE_WARNING: i64 = 30 * DAY;
/// A list lives for an hour or for a month: what counts is the share of its life that is left, here one in so many.
const LIST_WARNING: i64 = 4;
/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// Warns now and then, for as long as the process lives.
pub(super) async fn watch(tls: Arc<TlsStore>) {
    loop {
        warn(&tls);
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Warns of everything that has run out or soon will.
pub(super) fn warn(tls: &TlsStore) {
    let now = system::time_of_day().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    for expiry in tls.expiries() {
        let certificate = expiry.chain.display();
        match expiry.second.saturating_sub(now) {
            ..0 => tracing::error!(%certificate, "the server's certificate has expired"),
            left @ 0..CERTIFICATE_WARNING => {
                tracing::warn!(%certificate, days = left / DAY, "the server's certificate expires soon");
            }
            CERTIFICATE_WARNING.. => {}
        }
    }
    for list in tls.list_expiries() {
        let (file, hours) = (list.file.display(), list.next_update.saturating_sub(now) / 3600);
        match remains(&list, now) {
            Remains::Enough => {}
            Remains::Little => {
                tracing::warn!(%file, hours, "the revocation list is due to be exchanged for a newer one");
            }
            Remains::Nothing => {
                tracing::error!(%file, "the revocation list is past its next update; exchange it for a newer one");
            }
        }
    }
}

/// How much of its life a list has left.
#[derive(Debug, PartialEq, Eq)]
enum Remains {
    Enough,
    Little,
    Nothing,
}

fn remains(list: &ListExpiry, now: i64) -> Remains {
    let left = list.next_update.saturating_sub(now);
    let life = list.next_update.saturating_sub(list.issued);
    if left < 0 {
        Remains::Nothing
    } else if left < life / LIST_WARNING {
        Remains::Little
    } else {
        Remains::Enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_due_in_the_last_quarter_of_its_life() {
        let list = ListExpiry { file: "a.crl".into(), issued: 1_000, next_update: 5_000 };
        for (now, expected) in [
            (1_000, Remains::Enough),
            (4_000, Remains::Enough),
            (4_001, Remains::Little),
            (5_000, Remains::Little),
            (5_001, Remains::Nothing),
        ] {
            assert_eq!(remains(&list, now), expected, "{now}");
        }
    }
}

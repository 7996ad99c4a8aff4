//! Token keys as a table: their numbers and ages, never a key.

use pix_stream_domain::time::Timestamp;
use pix_stream_keys::Live;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::output;
use crate::table::{Side, Table, time};

const DAY_MILLIS: u64 = 86_400_000;

/// The live keys, as the admin API tells them, too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    signing: u8,
    keys: Vec<Key>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Key {
    id: u8,
    created_unix_ms: u64,
    age_days: u64,
    signing: bool,
    due: bool,
}

impl Keys {
    pub(crate) fn of(live: &Live, now: Timestamp) -> Self {
        let key = |key: &pix_stream_keys::Key| {
            let signing = key.id == live.signing;
            Key {
                id: key.id,
                created_unix_ms: key.created.unix_millis(),
                age_days: u64::try_from(key.age(now).as_millis()).unwrap_or(u64::MAX) / DAY_MILLIS,
                signing,
                due: signing && live.is_due(now),
            }
        };
        Self { signing: live.signing, keys: live.keys.iter().map(key).collect() }
    }
}

/// A row a key, and a warning where one should be replaced.
pub(crate) fn table(keys: &Keys) -> Result<(), Failure> {
    let mut table = Table::new([
        ("KEY", Side::Right),
        ("MADE", Side::Left),
        ("AGE DAYS", Side::Right),
        ("STATE", Side::Left),
    ]);
    for key in &keys.keys {
        let state = match (key.signing, key.due) {
            (true, true) => "signs, due to be replaced",
            (true, false) => "signs",
            (false, _) => "verifies",
        };
        table.push([
            key.id.to_string(),
            time(key.created_unix_ms),
            key.age_days.to_string(),
            state.to_owned(),
        ]);
    }
    table.show()?;
    if keys.keys.iter().any(|key| key.due) {
        output::note(
            "note: a key should sign for 90 days at most; `pix-stream admin --dir DIR keys rotate` replaces it",
        );
    }
    Ok(())
}

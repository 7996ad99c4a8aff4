//! `pix-stream token inspect`: what a token says, and with the configuration whether its signature holds.

use std::path::Path;

use pix_stream_config::Flags;
use pix_stream_development::rfc3339;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::{self, Claims, Error};
use pix_stream_ports::clock::Clock as _;
use pix_stream_process::configuration::load;
use serde::Serialize;

use crate::cli::{TokenArgs, TokenCommand};
use crate::failure::Failure;
use crate::system::SystemClock;
use crate::{output, token_keys};

/// What is known of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Signature {
    /// It fits a live key.
    Valid,
    /// It does not, or its key is not live.
    Invalid,
    /// No configuration was given.
    Unchecked,
}

#[derive(Debug, Serialize)]
struct Report {
    participant: String,
    region: u16,
    slot: u8,
    incarnation: u32,
    generation: u32,
    pull: u64,
    empty_reads: u32,
    batch_first: Option<u64>,
    batch_last: Option<u64>,
    batch_messages: u64,
    issued_at: String,
    expires_at: String,
    expired: bool,
    key: u8,
    signature: Signature,
}

/// Runs the command.
///
/// # Errors
/// It is no token, or its signature does not hold.
pub fn run(args: &TokenArgs) -> Result<(), Failure> {
    let TokenCommand::Inspect { token, config, json } = &args.command;
    let text = segment(token);
    let claims = token::inspect(text).map_err(|error| {
        Failure::new(error).next("give the value of PI-Pull-Next, or what follows its last slash, whole")
    })?;
    let verdict = config.as_deref().map(|config| verify(config, text)).transpose()?;
    let signature = match verdict {
        None => Signature::Unchecked,
        Some(Ok(())) => Signature::Valid,
        Some(Err(_)) => Signature::Invalid,
    };
    let report = Report::of(&claims, signature, SystemClock.now());
    if *json {
        output::json(&report)?
    } else {
        output::text(&report.lines())?
    }
    match verdict {
        None | Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(Failure::new(error)),
    }
}

/// What follows the last slash: clients are given a path, and paste addresses.
fn segment(token: &str) -> &str {
    let token = token.trim();
    token.rsplit('/').next().unwrap_or(token)
}

fn verify(config: &Path, text: &str) -> Result<Result<(), Error>, Failure> {
    let config = load(config, Flags::default())?;
    Ok(token_keys::keyring(&config)?.verify(text).map(drop))
}

impl Report {
    fn of(claims: &Claims, signature: Signature, now: Timestamp) -> Self {
        let cursor = &claims.cursor;
        let batch = cursor.batch;
        let first = (!batch.is_empty()).then(|| batch.start().value());
        Self {
            participant: claims.ispb.to_string(),
            region: claims.region,
            // Counted from 1 as in PI-Thread-Slot.
            slot: cursor.slot.saturating_add(1),
            incarnation: cursor.generation.incarnation.value(),
            generation: cursor.generation.number,
            pull: cursor.pull,
            empty_reads: cursor.empties,
            batch_first: first,
            batch_last: first.map(|_| batch.end().value() - 1),
            batch_messages: batch.len(),
            issued_at: rfc3339::text(cursor.issued_at),
            expires_at: rfc3339::text(cursor.expires_at),
            expired: cursor.expires_at <= now,
            key: claims.key,
            signature,
        }
    }

    fn lines(&self) -> String {
        let batch = match (self.batch_first, self.batch_last) {
            (Some(first), Some(last)) => format!("{first} to {last} ({} messages)", self.batch_messages),
            (None, _) | (_, None) => "empty: it confirms nothing".to_owned(),
        };
        let signature = match self.signature {
            Signature::Valid => "holds",
            Signature::Invalid => "does not hold",
            Signature::Unchecked => "not checked (--config names the keys)",
        };
        let expired = if self.expired { " (expired)" } else { "" };
        format!(
            "participant  {}\nstream       generation {} of incarnation {}, slot {}, region {}\npull         {} ({} empty \
             reads since)\nbatch        {batch}\nissued       {}\nexpires      {}{expired}\nkey          \
             {}\nsignature    {signature}\n",
            self.participant,
            self.generation,
            self.incarnation,
            self.slot,
            self.region,
            self.pull,
            self.empty_reads,
            self.issued_at,
            self.expires_at,
            self.key,
        )
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::sequence::{Range, Sequence};
    use pix_stream_domain::stream::command::Cursor;
    use pix_stream_domain::stream::slot::Generation;
    use pix_stream_domain::token::Keyring;
    use pix_stream_domain::version::Incarnation;

    use super::*;

    fn cursor() -> Cursor {
        let at = Timestamp::from_unix_millis;
        Cursor {
            slot: 2,
            generation: Generation { incarnation: Incarnation::new(3), number: 12 },
            pull: 7,
            empties: 0,
            batch: Range::new(Sequence::new(101), Sequence::new(111)),
            issued_at: at(1_795_352_707_120),
            expires_at: at(1_795_353_007_120),
        }
    }

    #[test]
    fn a_path_an_address_and_a_bare_token_are_the_same() {
        for given in
            ["abc", " abc\n", "/api/v1/out/99999001/stream/abc", "https://h:1/api/v1/out/x/stream/abc"]
        {
            assert_eq!(segment(given), "abc");
        }
    }

    #[test]
    fn claims_are_told_in_full() {
        let signed = Keyring::new((9, [1; 32]), None).sign("99999001".parse().unwrap(), 0, &cursor());
        let claims = token::inspect(signed.as_str()).unwrap();
        let report = Report::of(&claims, Signature::Unchecked, Timestamp::from_unix_millis(0));
        let lines = report.lines();
        for part in [
            "99999001",
            "generation 12 of incarnation 3, slot 3",
            "101 to 110 (10 messages)",
            "issued       2026-11-22T13:05:07.120Z",
            "expires      2026-11-22T13:10:07.120Z\n",
            "key          9",
            "not checked",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
        assert!(
            Report::of(&claims, Signature::Valid, Timestamp::from_unix_millis(u64::MAX))
                .lines()
                .contains("(expired)")
        );
    }
}

//! The rules between keys, and those that a range cannot say.

mod cluster;
mod traces;

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::Config;
use crate::read::Findings;
use crate::value::VerifySignature;

/// Most requests that one participant's window may hold: each costs the window a few bytes.
const WINDOW_REQUESTS_MAX: u64 = 1_000_000;
/// A read is answered within a second, whatever it waits for.
const READ_WAIT_MAX: Duration = Duration::from_millis(900);
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reports every rule that the configuration breaks.
pub(crate) fn check(config: &Config, findings: &mut Findings) {
    listen(config, findings);
    tls(config, findings);
    stream(config, findings);
    limits(config, findings);
    backpressure(config, findings);
    text(config, findings);
    schemas(config, findings);
    publish(config, findings);
    cluster::check(config, findings);
    traces::check(config, findings);
}

fn schemas(config: &Config, findings: &mut Findings) {
    let names = config.schemas.unvalidated.iter().filter(|name| !is_message_pattern(name));
    let names: Vec<_> = names.map(|name| format!("\"{name}\"")).collect();
    if !names.is_empty() {
        findings.report(
            &["schemas.unvalidated"],
            format!("no message has a name like {}", names.join(", ")),
            "write a message as \"camt.014\", and all of a group as \"pain.*\"",
        );
    }
}

/// Four letters and a dot, then what a message type goes on with; its end may be a star.
fn is_message_pattern(name: &str) -> bool {
    name.split_once('.').is_some_and(|(group, rest)| {
        let rest = rest.strip_suffix('*').unwrap_or(rest);
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
        let is_whole = name.ends_with('*') || rest.split('.').all(|piece| !piece.is_empty());
        group.len() == 4
            && group.bytes().all(|byte| byte.is_ascii_lowercase())
            && rest.bytes().all(is_plain)
            && is_whole
    })
}

fn publish(config: &Config, findings: &mut Findings) {
    if config.publish.verify_signature == VerifySignature::Full && config.publish.certificates.is_none() {
        findings.report(
            &["publish.verify_signature", "publish.certificates"],
            "\"full\" needs the certificates of the signers".to_owned(),
            "name their folder in publish.certificates, or verify \"digest\" alone",
        );
    }
}

fn listen(config: &Config, findings: &mut Findings) {
    let listen = &config.listen;
    if listen.api == listen.admin && listen.api.port() != 0 {
        findings.report(
            &["listen.admin", "listen.api"],
            format!("the API and the admin listener cannot share {}", listen.api),
            "give them different ports",
        );
    }
    if listen.plain_health && !listen.plain_health_listen.ip().is_loopback() {
        findings.report(
            &["listen.plain_health_listen"],
            format!("{} is not loopback, and plain HTTP is for loopback only", listen.plain_health_listen),
            "use 127.0.0.1; from outside, ask the admin listener with a certificate",
        );
    }
    let same = |other: std::net::SocketAddr| listen.plain_health_listen == other && other.port() != 0;
    if listen.plain_health && (same(listen.api) || same(listen.admin)) {
        findings.report(
            &["listen.plain_health_listen", "listen.api", "listen.admin"],
            format!("plain health and another listener cannot share {}", listen.plain_health_listen),
            "give them different ports",
        );
    }
}

fn tls(config: &Config, findings: &mut Findings) {
    if config.tls.ca.is_empty() {
        findings.report(
            &["tls.ca"],
            "is empty: no client could be trusted".to_owned(),
            "name at least one authority",
        );
    }
    if config.tls.certificates.is_empty() {
        findings.report(
            &["tls.certificates"],
            "is empty: the server would have no certificate".to_owned(),
            "name at least one { chain, key }",
        );
    }
    if config.tls.ispb_from.is_empty() {
        findings.report(
            &["tls.ispb_from"],
            "is empty: no certificate would belong to a participant".to_owned(),
            "the default is [\"ou\", \"cn\"]",
        );
    }
    let sources = &config.tls.ispb_from;
    if sources
        .iter()
        .enumerate()
        .any(|(index, source)| sources.iter().skip(index + 1).any(|other| other == source))
    {
        findings.report(&["tls.ispb_from"], "names a source twice".to_owned(), "each source counts once");
    }
}

fn backpressure(config: &Config, findings: &mut Findings) {
    let pressure = &config.backpressure;
    let shed_at = pressure.queue_delay.saturating_mul(pressure.shed_factor);
    if shed_at > READ_WAIT_MAX {
        findings.report(
            &["backpressure.queue_delay", "backpressure.shed_factor"],
            format!(
                "queue_delay ({}) times shed_factor ({}) must not be more than {}: reads that wait so long are refused \
                 anyway",
                shown(pressure.queue_delay),
                pressure.shed_factor,
                shown(READ_WAIT_MAX),
            ),
            "lower one of them",
        );
    }
}

fn stream(config: &Config, findings: &mut Findings) {
    let stream = &config.stream;
    if stream.token_life <= stream.idle {
        findings.report(
            &["stream.token_life", "stream.idle"],
            format!(
                "token_life ({}) must be longer than idle ({}): a token that ends first would close streams that are alive",
                shown(stream.token_life),
                shown(stream.idle)
            ),
            "raise stream.token_life or lower stream.idle",
        );
    }
    if stream.token_life <= stream.long_poll {
        findings.report(
            &["stream.token_life", "stream.long_poll"],
            format!(
                "token_life ({}) must be longer than long_poll ({}): tokens would end while their read waits",
                shown(stream.token_life),
                shown(stream.long_poll)
            ),
            "raise stream.token_life or lower stream.long_poll",
        );
    }
    let requests = config.rate.requests_per_window();
    if requests > WINDOW_REQUESTS_MAX {
        findings.report(
            &["rate.window", "rate.requests_per_second"],
            format!(
                "requests_per_second × window is {requests}, at most {WINDOW_REQUESTS_MAX} can be counted"
            ),
            "lower rate.window",
        );
    }
    if u128::from(config.rate.requests_per_second) * config.rate.window.as_millis() < 1_000 {
        findings.report(
            &["rate.window", "rate.requests_per_second"],
            "requests_per_second × window is less than one request".to_owned(),
            "raise rate.window",
        );
    }
}

fn limits(config: &Config, findings: &mut Findings) {
    let limits = &config.limits;
    let order = [
        (
            "limits.publish_bytes",
            limits.publish_bytes.bytes_u64(),
            "limits.message_bytes",
            limits.message_bytes.bytes_u64(),
        ),
        (
            "quarantine.bytes",
            config.quarantine.bytes.bytes_u64(),
            "limits.message_bytes",
            limits.message_bytes.bytes_u64(),
        ),
        (
            "limits.hot_bytes",
            limits.hot_bytes.bytes_u64(),
            "limits.hot_bytes_per_participant",
            limits.hot_bytes_per_participant.bytes_u64(),
        ),
        (
            "limits.hot_bytes_per_participant",
            limits.hot_bytes_per_participant.bytes_u64(),
            "limits.message_bytes",
            limits.message_bytes.bytes_u64(),
        ),
        (
            "limits.connections",
            limits.connections.into(),
            "limits.connections_per_participant",
            limits.connections_per_participant.into(),
        ),
        (
            "limits.connections_per_participant",
            limits.connections_per_participant.into(),
            "stream.streams_max",
            config.stream.streams_max.into(),
        ),
        (
            "limits.waiting_reads",
            limits.waiting_reads.into(),
            "stream.streams_max",
            config.stream.streams_max.into(),
        ),
    ];
    for (larger, value, smaller, floor) in order {
        if value < floor {
            findings.report(
                &[larger, smaller],
                format!("{larger} ({value}) must not be less than {smaller} ({floor})"),
                &format!("raise {larger} or lower {smaller}"),
            );
        }
    }
}

fn text(config: &Config, findings: &mut Findings) {
    let base = &config.wire.problem_type_base;
    let is_plain = base.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>&\"'".contains(&byte));
    if !is_plain || !base.ends_with('/') {
        findings.report(
            &["wire.problem_type_base"],
            format!("takes a URI that ends with \"/\", this is \"{base}\""),
            "the error's code is put behind it",
        );
    }
    if let Some(why) = level_fault(&config.log.level) {
        findings.report(&["log.level"], why, "a level, or directives such as info,pix_stream_app=debug");
    }
}

/// What is wrong with a log level, in a few words that name it; the filter itself takes an unknown word for a module's
/// name.
#[must_use]
pub fn level_fault(level: &str) -> Option<String> {
    let stray = level.split(',').map(str::trim).find(|directive| {
        let is_word = directive.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_word && !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(directive))
    });
    if let Some(word) = stray {
        return Some(format!("\"{word}\" is not a level: {}", LEVELS.join(", ")));
    }
    EnvFilter::try_new(level).err().map(|error| format!("\"{level}\": {error}"))
}

fn shown(span: Duration) -> String {
    use crate::value::Value;
    span.write().unwrap_or_default().trim_matches('"').to_owned()
}

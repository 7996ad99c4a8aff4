//! The quarantine for operators: what was refused from unattended intake, with its reasons; released or dropped here.
//!
//! The bytes of a message leave only by an export, which is for administrators and audited.

use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use pix_stream_app::{Actor, EntryId, Ports, QUARANTINE_LIST_MAX, Summary};
use pix_stream_domain::ispb::Ispb;
use serde::Serialize;

use crate::admin::fields::Fields;
use crate::admin::json;
use crate::admin::path::EntryVerb;
use crate::admin::query::Query;
use crate::body::Body;
use crate::error::Problem;
use crate::response;
use crate::shared::Shared;

/// Entries of one page, unless the query says another number; and the most of one.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 500;

const _: () = assert!(PAGE_MAX < QUARANTINE_LIST_MAX, "one more is asked for than is shown");

#[derive(Debug, Serialize)]
struct PageView<'a> {
    entries: Vec<EntryView<'a>>,
    /// What `after` takes for the next page.
    next: Option<String>,
    usage: UsageView,
}

#[derive(Debug, Serialize)]
struct UsageView {
    entries: u64,
    bytes: u64,
    entries_max: u64,
    bytes_max: u64,
}

#[derive(Debug, Serialize)]
struct EntryView<'a> {
    id: String,
    ispb: &'a str,
    at_unix_ms: u64,
    producer: &'a str,
    intake: &'a str,
    rule: &'static str,
    findings: &'a [String],
    bytes: u32,
    attempts: u32,
}

#[derive(Debug, Serialize)]
struct ReleasedView {
    dry_run: bool,
    /// The id under which it is delivered.
    resource_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct DroppedView<'a> {
    dry_run: bool,
    entry: EntryView<'a>,
}

impl<'a> From<&'a Summary> for EntryView<'a> {
    fn from(summary: &'a Summary) -> Self {
        Self {
            id: summary.id.to_string(),
            ispb: summary.ispb.as_str(),
            at_unix_ms: summary.at.unix_millis(),
            producer: &summary.producer,
            intake: &summary.intake,
            rule: summary.rule.code(),
            findings: &summary.findings,
            bytes: summary.bytes,
            attempts: summary.attempts,
        }
    }
}

/// One page of entries, oldest first, of one participant or of all.
pub(super) async fn list<P: Ports>(
    shared: &Shared<P>,
    mut query: Query<'_>,
) -> Result<Response<Body>, Problem> {
    let ispb: Option<Ispb> = query.take("ispb", "an ISPB")?;
    let after: Option<EntryId> = query.take("after", "the id of an entry")?;
    let limit = query.take("limit", "a whole number")?.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    query.finish()?;
    // One more than is shown says whether there is another page.
    let mut entries = shared.app.quarantine_list(ispb, after, limit + 1).await?;
    let usage = shared.app.quarantine_usage().await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = entries.len() > shown;
    entries.truncate(shown);
    let next = entries.last().filter(|_| has_more).map(|last| last.id.to_string());
    let limits = shared.app.quarantine_limits();
    let usage = UsageView {
        entries: usage.entries,
        bytes: usage.bytes,
        entries_max: limits.entries,
        bytes_max: limits.bytes,
    };
    let entries = entries.iter().map(EntryView::from).collect();
    Ok(json::answer(StatusCode::OK, &PageView { entries, next, usage }))
}

/// Shows, exports, releases or drops one entry.
pub(super) async fn run<P: Ports>(
    shared: &Shared<P>,
    (id, verb): (EntryId, EntryVerb),
    fields: Fields,
    dry_run: bool,
    actor: Actor<'_>,
) -> Result<Response<Body>, Problem> {
    fields.finish()?;
    match verb {
        EntryVerb::Show => {
            let entry = shared.app.quarantine_find(id).await?;
            Ok(json::answer(StatusCode::OK, &EntryView::from(&entry.summary)))
        }
        EntryVerb::Export => {
            let entry = shared.app.quarantine_export(id, actor).await?;
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
                (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ]);
            Ok(response::response(StatusCode::OK, headers, Body::from(entry.xml)))
        }
        EntryVerb::Release => {
            let released = shared.app.quarantine_release(id, dry_run, actor).await?;
            let resource_id = released.published.map(|published| published.resource_id.to_string());
            Ok(json::answer(StatusCode::OK, &ReleasedView { dry_run: released.dry_run, resource_id }))
        }
        EntryVerb::Drop => {
            let entry = shared.app.quarantine_drop(id, dry_run, actor).await?;
            Ok(json::answer(StatusCode::OK, &DroppedView { dry_run, entry: EntryView::from(&entry) }))
        }
    }
}

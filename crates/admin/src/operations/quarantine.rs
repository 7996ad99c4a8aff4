//! The quarantine for operators: what was refused from unattended intake, with its reasons; released or dropped here.
//!
//! The bytes of a message leave only by an export, which is for administrators and audited. A role for some participants
//! sees their entries; of the others it learns nothing, not even that they are there.

use http::header::CONTENT_DISPOSITION;
use http::{HeaderValue, Response, StatusCode};
use pix_stream_app::{EntryId, Error, Ports, QUARANTINE_LIST_MAX, Summary};
use pix_stream_delivery::edge::Problem;

use crate::answer::{self, Body};
use crate::operations::Call;
use crate::views::{DroppedView, EntryView, PageView, ReleasedView, UsageView};

/// Entries of one page, unless the query says another number; and the most of one.
const PAGE: u32 = 100;
/// The most entries of a page.
pub(crate) const PAGE_MAX: u32 = 500;

const _: () = assert!(PAGE_MAX < QUARANTINE_LIST_MAX, "one more is asked for than is shown");

/// One page of entries, oldest first, of one participant or of all that the role is for: then it may hold fewer than it
/// could, and `next` says whether there are more.
pub(super) async fn list<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let (ispb, after) = (call.query.find("ispb"), call.query.find("after"));
    let limit = call.query.find("limit").unwrap_or(PAGE);
    if ispb.is_some_and(|ispb| !call.scope.covers(ispb)) {
        return Err(Problem::forbidden("the certificate's role is for other participants"));
    }
    let app = call.admin.app();
    // One more than is shown says whether there is another page.
    let mut entries = app.quarantine_list(ispb, after, limit + 1).await?;
    let usage = app.quarantine_usage().await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = entries.len() > shown;
    entries.truncate(shown);
    let next = entries.last().filter(|_| has_more).map(|last| last.id.to_string());
    let limits = app.quarantine_limits();
    let usage = UsageView {
        entries: usage.entries,
        bytes: usage.bytes,
        entries_max: limits.entries,
        bytes_max: limits.bytes,
    };
    let entries = entries.iter().filter(|entry| call.scope.covers(entry.ispb));
    Ok(answer::ok(&PageView { entries: entries.map(EntryView::from).collect(), next, usage }))
}

/// The entry that the path names, if the sender may know of it.
async fn find<P: Ports>(call: &Call<'_, P>) -> Result<(EntryId, Summary), Problem> {
    let id: EntryId = call.param("entry")?;
    let summary = call.admin.app().quarantine_find(id).await?.summary;
    if call.scope.covers(summary.ispb) { Ok((id, summary)) } else { Err(Problem::from(Error::NoEntry)) }
}

/// For whom the change is, before it is made; what is missing is the core's to say, and to record.
async fn check<P: Ports>(call: &Call<'_, P>) -> Result<EntryId, Problem> {
    let id: EntryId = call.param("entry")?;
    match call.admin.app().quarantine_find(id).await {
        Ok(entry) if !call.scope.covers(entry.summary.ispb) => Err(Problem::from(Error::NoEntry)),
        Ok(_) | Err(_) => Ok(id),
    }
}

pub(super) async fn show<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let (_, summary) = find(call).await?;
    Ok(answer::ok(&EntryView::from(&summary)))
}

/// The message as it came, byte by byte.
pub(super) async fn export<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let id = check(call).await?;
    let entry = call.admin.app().quarantine_export(id, call.actor).await?;
    let mut answered = answer::bytes(StatusCode::OK, "application/octet-stream", entry.xml);
    answered.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    Ok(answered)
}

pub(super) async fn release<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let id = check(call).await?;
    let released = call.admin.app().quarantine_release(id, call.dry_run, call.actor).await?;
    Ok(answer::ok(&ReleasedView::from(&released)))
}

pub(super) async fn drop<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let id = check(call).await?;
    let entry = call.admin.app().quarantine_drop(id, call.dry_run, call.actor).await?;
    Ok(answer::ok(&DroppedView { dry_run: call.dry_run, entry: EntryView::from(&entry) }))
}

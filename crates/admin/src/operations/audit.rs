//! What the audit chain proves: of one message, of a period, of itself.

use std::sync::Arc;

use http::Response;
use pix_stream_app::Ports;
use pix_stream_delivery::edge::Problem;

use crate::answer::{self, Body, hook_problem};
use crate::hooks::{Evidence, ExportRange};
use crate::operations::{Call, invalid};

fn hook<P: Ports>(call: &Call<'_, P>) -> Result<Arc<dyn Evidence>, Problem> {
    call.admin.hooks.evidence.clone().ok_or_else(Problem::not_found)
}

/// Who published a message, which tokens carried it, when it was confirmed.
pub(super) async fn message<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    // Standard base64, which paths cannot hold: spelled as ids of the quarantine are, or percent-encoded.
    let id = call.param::<String>("resource_id")?.replace('-', "+").replace('_', "/");
    let found = hook(call)?.message(&id).await.map_err(hook_problem)?;
    let is_within = found.ispb.parse().is_ok_and(|ispb| call.scope.covers(ispb));
    if !is_within {
        return Err(Problem::forbidden("the certificate's role is for other participants"));
    }
    call.audit(Ok(&id)).await;
    Ok(answer::ok(&found))
}

pub(super) async fn head<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    Ok(answer::ok(&hook(call)?.head().await.map_err(hook_problem)?))
}

/// 200 whatever it shows: `verified` says whether the chain holds.
pub(super) async fn verify<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let verified = hook(call)?.verify().await.map_err(hook_problem)?;
    let told = format!("{} records, {} findings", verified.records, verified.findings.len());
    call.audit(if verified.verified { Ok(&told) } else { Err(&told) }).await;
    Ok(answer::ok(&verified))
}

/// The messages of a participant in a range, by their digests, with proof.
pub(super) async fn export<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let number = |name| call.query.find::<u64>(name);
    let by_sequence = (number("from"), number("to"));
    let by_time = (number("since_unix_ms"), number("until_unix_ms"));
    let range = match (by_sequence, by_time) {
        ((Some(from), Some(to)), (None, None)) if from <= to => ExportRange::Sequences { from, to },
        ((None, None), (Some(since_unix_ms), Some(until_unix_ms))) if since_unix_ms < until_unix_ms => {
            ExportRange::Times { since_unix_ms, until_unix_ms }
        }
        _ => {
            let told =
                "the query takes `from` and `to`, or `since_unix_ms` and `until_unix_ms`, in this order";
            return Err(invalid(told.to_owned()));
        }
    };
    let ispb = call.ispb()?;
    if call.admin.app().look_up(ispb).await?.is_none() {
        return Err(Problem::from(pix_stream_app::Error::NotOnboarded));
    }
    let lines = hook(call)?.export(ispb, range).await.map_err(hook_problem)?;
    call.audit(Ok(&format!("{ispb} {range:?}"))).await;
    answer::lines(lines).await
}

//! The signing keys of tokens: which there are, and their change. Never the keys themselves.

use std::sync::Arc;

use http::{Response, StatusCode};
use pix_stream_app::Ports;
use pix_stream_delivery::edge::Problem;

use crate::answer::{self, Body, hook_problem};
use crate::hooks::{KeyFiles, Keys, KeysChanged, Said};
use crate::operations::Call;
use crate::requests::{KeyNumber, Rotation};
use crate::views::KeysView;

fn hook<P: Ports>(call: &Call<'_, P>) -> Result<Arc<dyn KeyFiles>, Problem> {
    call.admin.hooks.keys.clone().ok_or_else(Problem::not_found)
}

pub(super) async fn list<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let keys = hook(call)?.list().await.map_err(hook_problem)?;
    Ok(answer::ok(&keys))
}

/// 201 with the new key, 200 for a dry run.
pub(super) async fn rotate<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let Rotation { stage } = call.read()?;
    let changed = hook(call)?.rotate(stage.unwrap_or(false), call.dry_run).await;
    let status = if call.dry_run { StatusCode::OK } else { StatusCode::CREATED };
    finish(call, status, changed).await
}

pub(super) async fn sign<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let KeyNumber { id } = call.read()?;
    let changed = hook(call)?.sign(id, call.dry_run).await;
    finish(call, StatusCode::OK, changed).await
}

pub(super) async fn retire<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let id = call.param("key")?;
    let changed = hook(call)?.retire(id, call.dry_run).await;
    finish(call, StatusCode::OK, changed).await
}

async fn finish<P: Ports>(
    call: &Call<'_, P>,
    status: StatusCode,
    outcome: Said<KeysChanged>,
) -> Result<Response<Body>, Problem> {
    match outcome {
        Ok(KeysChanged { changed, before, after }) => {
            if changed && !call.dry_run {
                call.audit(Ok(&format!("{} -> {}", told(&before), told(&after)))).await;
            }
            Ok(answer::json(status, &KeysView { dry_run: call.dry_run, changed, keys: after }))
        }
        Err(fault) => {
            call.audit(Err(&fault.to_string())).await;
            Err(hook_problem(fault))
        }
    }
}

fn told(keys: &Keys) -> String {
    let ids: Vec<_> = keys.keys.iter().map(|key| key.id.to_string()).collect();
    format!("keys {} signing {}", ids.join("+"), keys.signing)
}

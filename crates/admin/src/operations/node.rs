//! This node: what it is, what it logs, what was slow; reading files again, and its end.

use http::{Response, StatusCode};
use pix_stream_app::Ports;
use pix_stream_delivery::edge::{Code, Problem};

use crate::answer::{self, Body, hook_problem};
use crate::handle::audit_reload;
use crate::operations::Call;
use crate::requests::Level;
use crate::views::{DrainView, LogView, ReloadedView, SlowView};

/// How long a filter of the log's holds, in minutes, unless the command says so.
const MINUTES: u32 = 15;

pub(super) fn slow<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let slow = call.admin.hooks.slow.as_ref().ok_or_else(Problem::not_found)?;
    Ok(answer::ok(&SlowView { requests: slow.recent() }))
}

pub(super) fn log<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let log = call.admin.hooks.log.as_ref().ok_or_else(Problem::not_found)?;
    Ok(answer::ok(&log.current()))
}

pub(super) async fn set_log<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let log = call.admin.hooks.log.clone().ok_or_else(Problem::not_found)?;
    let Level { level, minutes } = call.read()?;
    let minutes = minutes.unwrap_or(MINUTES);
    let before = log.current();
    match log.set(&level, minutes, call.dry_run) {
        Ok(state) => {
            if !call.dry_run {
                let detail = format!("{} -> {} for {minutes} minutes", before.level, state.level);
                call.audit(Ok(&detail)).await;
            }
            let changed = before != state;
            Ok(answer::ok(&LogView { dry_run: call.dry_run, changed, state }))
        }
        Err(fault) => {
            call.audit(Err(&fault.to_string())).await;
            Err(hook_problem(fault))
        }
    }
}

pub(super) fn show<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let node = call.admin.hooks.node.as_ref().ok_or_else(Problem::not_found)?;
    Ok(answer::ok(&node.facts()))
}

/// 202: it goes on after the answer.
pub(super) async fn drain<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let node = call.admin.hooks.node.as_ref().ok_or_else(Problem::not_found)?;
    let was_draining = call.admin.app().is_draining();
    if call.dry_run {
        let view = DrainView { dry_run: true, changed: !was_draining, draining: was_draining };
        return Ok(answer::ok(&view));
    }
    if !was_draining {
        call.audit(Ok("serving -> draining")).await;
        node.drain();
    }
    let view = DrainView { dry_run: false, changed: !was_draining, draining: true };
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}

/// 200 with what is in force anew; 409 with every problem when something could not be read.
pub(super) async fn reload<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let reload = call.admin.hooks.reload.as_ref().ok_or_else(Problem::not_found)?;
    let outcome = reload.reload(call.dry_run).await;
    audit_reload(call.admin.app(), &outcome, call.dry_run, call.actor).await;
    if outcome.problems.is_empty() {
        return Ok(answer::ok(&ReloadedView { dry_run: call.dry_run, reloaded: outcome.reloaded }));
    }
    let title = match (&outcome.reloaded[..], call.dry_run) {
        (_, true) => "not everything could be read again; nothing was changed".to_owned(),
        ([], false) => "nothing was read again; what was in force stays".to_owned(),
        (some, false) => {
            format!("only {} were read again; of the rest, what was in force stays", some.join(", "))
        }
    };
    Err(Problem { details: outcome.problems, ..Problem::new(Code::Conflict, title) })
}

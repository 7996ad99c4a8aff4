//! The operator's commands: their input is read and checked here, `app` carries them out.

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pix_stream_app::{Actor, Change, Ports};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, NAME_MAX, Participant};
use pix_stream_domain::sequence::Sequence;

use crate::admin::fields::{Fields, REASON_MAX};
use crate::admin::json::{self, ChangedView, ListView, ParticipantView, SavedView, StatusView};
use crate::admin::path::{Resource, Verb};
use crate::admin::query::Query;
use crate::admin::{quarantine, reload, types};
use crate::body::Body;
use crate::error::{Code, Extra, Problem};
use crate::handlers::{late_body, malformed_body};
use crate::shared::Shared;

/// The most bytes of a command's body.
const BODY_MAX: usize = 64 * 1024;

/// What a command brings.
pub(super) struct Input {
    body: Bytes,
    query: Option<String>,
}

impl Input {
    /// Reads query and body. A body says that it is JSON: what a form in a browser sends never does.
    pub(super) async fn receive<P: Ports>(
        shared: &Shared<P>,
        head: &http::request::Parts,
        body: Incoming,
    ) -> Result<Self, Problem> {
        let is_json = |v: &http::HeaderValue| {
            let name = v.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("application/json")
        };
        let content_type = head.headers.get(CONTENT_TYPE);
        let unsupported = || Problem::new(Code::UnsupportedMediaType, "a command's body is application/json");
        if content_type.is_some_and(|v| !is_json(v)) {
            return Err(unsupported());
        }
        let limit = shared.wire.body_timeout;
        let body = tokio::time::timeout(limit, read(body)).await.unwrap_or_else(|_| Err(late_body()))?;
        if content_type.is_none() && !body.is_empty() {
            return Err(unsupported());
        }
        Ok(Self { body, query: head.uri.query().map(str::to_owned) })
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Problem> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| malformed_body())?.into_data() else { continue };
        if all.len() + data.len() > BODY_MAX {
            let title = "a command's body has at most 64 KiB";
            return Err(Problem::new(Code::TooLarge, title).with(Extra::Close));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// Runs one command for an operator who may.
pub(super) async fn run<P: Ports>(
    shared: &Shared<P>,
    (resource, method): (Resource<'_>, &Method),
    input: &Input,
    actor: Actor<'_>,
) -> Result<Response<Body>, Problem> {
    let mut query = Query::parse(input.query.as_deref())?;
    if resource == Resource::Entries {
        return quarantine::list(shared, query).await;
    }
    let dry_run = query.take_dry_run()?;
    query.finish()?;
    let mut fields = Fields::parse(&input.body)?;
    let reason = fields.take_text("reason", REASON_MAX)?.unwrap_or_default();
    let actor = Actor { reason: &reason, ..actor };
    let run = Run { shared, dry_run, actor };
    match resource {
        Resource::Participants(_) if method == Method::GET => run.list(fields),
        Resource::Participants(_) => run.onboard(fields).await,
        Resource::Participant(_, verb) => {
            let ispb = resource.ispb()?.ok_or_else(Problem::not_found)?;
            run.participant(ispb, verb, fields).await
        }
        Resource::Types => fields.finish().map(|()| types::list(shared)),
        Resource::Type(name, verb) => types::switch(shared, (name, verb), fields, dry_run, actor).await,
        Resource::Entry(id, verb) => quarantine::run(shared, (id, verb), fields, dry_run, actor).await,
        Resource::Reload => {
            if dry_run {
                return Err(Problem::new(Code::InvalidRequest, "a reload cannot be tried"));
            }
            fields.finish()?;
            reload::run(shared, actor).await
        }
        Resource::Entries
        | Resource::Live
        | Resource::Ready
        | Resource::Metrics
        | Resource::Page
        | Resource::Unknown => Err(Problem::not_found()),
    }
}

struct Run<'a, P: Ports> {
    shared: &'a Shared<P>,
    dry_run: bool,
    actor: Actor<'a>,
}

impl<P: Ports> Run<'_, P> {
    async fn participant(
        &self,
        ispb: Ispb,
        verb: Verb,
        mut fields: Fields,
    ) -> Result<Response<Body>, Problem> {
        let change = match verb {
            Verb::All | Verb::One => return self.show(ispb, fields).await,
            Verb::Limits => return self.limits(ispb, fields).await,
            Verb::Hold => return self.hold(ispb, true, fields).await,
            Verb::Unhold => return self.hold(ispb, false, fields).await,
            Verb::Pause => Change::Pause,
            Verb::Resume => Change::Resume,
            Verb::Cap => {
                let cap = fields.require_number("cap")?;
                Change::Cap(u8::try_from(cap).map_err(|_| fields.fault("cap", "is too large"))?)
            }
            Verb::Rewind => Change::Rewind(Sequence::new(fields.require_number("to")?)),
            Verb::Advance => Change::Advance(Sequence::new(fields.require_number("to")?)),
        };
        fields.finish()?;
        self.change(ispb, change).await
    }

    fn list(&self, fields: Fields) -> Result<Response<Body>, Problem> {
        fields.finish()?;
        let participants = self.shared.app.participants();
        let view =
            ListView { participants: participants.iter().map(|p| ParticipantView::from(&**p)).collect() };
        Ok(json::answer(StatusCode::OK, &view))
    }

    async fn show(&self, ispb: Ispb, fields: Fields) -> Result<Response<Body>, Problem> {
        fields.finish()?;
        let status = self.shared.app.status(ispb).await?;
        Ok(json::answer(StatusCode::OK, &StatusView::from(&status)))
    }

    /// 201 for a new participant, 200 for the same again, 409 for other properties.
    async fn onboard(&self, mut fields: Fields) -> Result<Response<Body>, Problem> {
        let ispb = fields.take_text("ispb", usize::MAX)?.ok_or_else(|| fields.fault("ispb", "is missing"))?;
        let ispb: Ispb =
            ispb.parse().map_err(|fault| fields.fault("ispb", &format!("is not an ISPB: {fault}")))?;
        let name = fields.take_text("name", NAME_MAX)?.unwrap_or_default();
        let limits = take_limits(fields.take_object("limits", "limits.")?)?;
        fields.finish()?;
        let (participant, is_new) =
            self.shared.app.onboard(ispb, name, limits, self.dry_run, self.actor).await?;
        let status = if is_new && !self.dry_run { StatusCode::CREATED } else { StatusCode::OK };
        Ok(self.saved(status, &participant))
    }

    fn saved(&self, status: StatusCode, participant: &Participant) -> Response<Body> {
        let participant = ParticipantView::from(participant);
        json::answer(status, &SavedView { dry_run: self.dry_run, participant })
    }

    /// Replaces all limits: one that is not named goes back to the configuration's.
    async fn limits(&self, ispb: Ispb, fields: Fields) -> Result<Response<Body>, Problem> {
        let limits = take_limits(fields)?;
        let participant = self.shared.app.set_limits(ispb, limits, self.dry_run, self.actor).await?;
        Ok(self.saved(StatusCode::OK, &participant))
    }

    /// Legal hold: 200 when everything that is stored is kept.
    async fn hold(&self, ispb: Ispb, held: bool, fields: Fields) -> Result<Response<Body>, Problem> {
        fields.finish()?;
        let participant = self.shared.app.set_hold(ispb, held, self.dry_run, self.actor).await?;
        Ok(self.saved(StatusCode::OK, &participant))
    }

    async fn change(&self, ispb: Ispb, change: Change) -> Result<Response<Body>, Problem> {
        let changed = self.shared.app.change(ispb, change, self.dry_run, self.actor).await?;
        Ok(json::answer(StatusCode::OK, &ChangedView::from(&changed)))
    }
}

fn take_limits(mut fields: Fields) -> Result<Limits, Problem> {
    let limits = Limits {
        requests_per_second: fields.take_u32("requests_per_second")?,
        backlog_high_water: fields.take_number("backlog_high_water")?,
    };
    fields.finish()?;
    Ok(limits)
}

//! Paths of the admin listener, and which methods they take.

use http::Method;
use pix_stream_domain::ispb::Ispb;

use crate::error::{Code, Problem};
use crate::metrics::RouteLabel;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    /// `/health/live`
    Live,
    /// `/health/ready`
    Ready,
    /// `/metrics`
    Metrics,
    /// `/`
    Page,
    /// `/admin/v1/participants`
    Participants(Verb),
    /// `/admin/v1/participants/{ispb}` with or without a verb; the ISPB's form is not checked yet.
    Participant(&'a str, Verb),
    /// Anything else.
    Unknown,
}

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// List and onboard.
    All,
    /// Show one.
    One,
    Pause,
    Resume,
    Cap,
    Limits,
    Rewind,
    Advance,
}

impl<'a> Resource<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        match path {
            "/" => return Self::Page,
            "/health/live" => return Self::Live,
            "/health/ready" => return Self::Ready,
            "/metrics" => return Self::Metrics,
            "/admin/v1/participants" => return Self::Participants(Verb::All),
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/admin/v1/participants/") else { return Self::Unknown };
        let (ispb, verb) = rest.split_once('/').map_or((rest, None), |(ispb, verb)| (ispb, Some(verb)));
        let verb = match verb {
            None => Verb::One,
            Some("pause") => Verb::Pause,
            Some("resume") => Verb::Resume,
            Some("cap") => Verb::Cap,
            Some("limits") => Verb::Limits,
            Some("rewind") => Verb::Rewind,
            Some("advance") => Verb::Advance,
            Some(_) => return Self::Unknown,
        };
        Self::Participant(ispb, verb)
    }

    /// The methods, as `Allow` names them.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Participants(verb) | Self::Participant(_, verb) => match verb {
                Verb::All => "GET, POST",
                Verb::One => "GET",
                Verb::Pause | Verb::Resume | Verb::Rewind | Verb::Advance => "POST",
                Verb::Cap | Verb::Limits => "PUT",
            },
            Self::Live | Self::Ready | Self::Metrics | Self::Page | Self::Unknown => "GET",
        }
    }

    pub(super) const fn label(&self) -> RouteLabel {
        match self {
            Self::Live | Self::Ready => RouteLabel::Health,
            Self::Metrics => RouteLabel::Metrics,
            Self::Page => RouteLabel::StatusPage,
            Self::Participants(_) | Self::Participant(..) => RouteLabel::Admin,
            Self::Unknown => RouteLabel::Unknown,
        }
    }

    /// The participant that the path names, if it names one.
    pub(super) fn ispb(&self) -> Result<Option<Ispb>, Problem> {
        let Self::Participant(ispb, _) = self else { return Ok(None) };
        let wrong = |_| {
            Problem::new(
                Code::NotFound,
                "the path has no ISPB of eight characters, digits and capital letters",
            )
        };
        ispb.parse().map(Some).map_err(wrong)
    }
}

impl Verb {
    /// The command's name in the audit log.
    pub(super) fn name(self, method: &Method) -> &'static str {
        match self {
            Self::All if method == Method::GET => "participant.list",
            Self::All => "participant.create",
            Self::One => "participant.show",
            Self::Pause => "participant.pause",
            Self::Resume => "participant.resume",
            Self::Cap => "participant.cap",
            Self::Limits => "participant.limits",
            Self::Rewind => "participant.rewind",
            Self::Advance => "participant.advance",
        }
    }
}

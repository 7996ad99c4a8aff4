//! Paths of the admin listener, and which methods they take.

use http::Method;
use pix_stream_app::EntryId;
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
    /// `/admin/v1/catalog`
    Types,
    /// `/admin/v1/catalog/{type}/{verb}`; whether there is such a type is not known here.
    Type(&'a str, Switch),
    /// `/admin/v1/quarantine`
    Entries,
    /// `/admin/v1/quarantine/{id}` with or without a verb.
    Entry(EntryId, EntryVerb),
    /// `/admin/v1/reload`
    Reload,
    /// Anything else.
    Unknown,
}

/// What is done with a participant.
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
    Hold,
    Unhold,
}

/// What is done with a message type's switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Enable,
    Disable,
    Clear,
}

/// What is done with an entry of the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryVerb {
    Show,
    /// Hands its bytes out.
    Export,
    Release,
    Drop,
}

impl<'a> Resource<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let Some(path) = path.strip_prefix("/admin/v1/") else {
            return match path {
                "/" => Self::Page,
                "/health/live" => Self::Live,
                "/health/ready" => Self::Ready,
                "/metrics" => Self::Metrics,
                _ => Self::Unknown,
            };
        };
        match path.split_once('/') {
            None if path == "participants" => Self::Participants(Verb::All),
            None if path == "catalog" => Self::Types,
            None if path == "quarantine" => Self::Entries,
            None if path == "reload" => Self::Reload,
            Some(("participants", rest)) => Self::participant(rest),
            Some(("catalog", rest)) => Self::message_type(rest),
            Some(("quarantine", rest)) => Self::entry(rest),
            None | Some(_) => Self::Unknown,
        }
    }

    fn participant(rest: &'a str) -> Self {
        let (ispb, verb) = rest.split_once('/').map_or((rest, None), |(ispb, verb)| (ispb, Some(verb)));
        let verb = match verb {
            None => Verb::One,
            Some("pause") => Verb::Pause,
            Some("resume") => Verb::Resume,
            Some("cap") => Verb::Cap,
            Some("limits") => Verb::Limits,
            Some("rewind") => Verb::Rewind,
            Some("advance") => Verb::Advance,
            Some("hold") => Verb::Hold,
            Some("unhold") => Verb::Unhold,
            Some(_) => return Self::Unknown,
        };
        Self::Participant(ispb, verb)
    }

    fn message_type(rest: &'a str) -> Self {
        match rest.split_once('/') {
            Some((name, "enable")) => Self::Type(name, Switch::Enable),
            Some((name, "disable")) => Self::Type(name, Switch::Disable),
            Some((name, "clear")) => Self::Type(name, Switch::Clear),
            Some(_) | None => Self::Unknown,
        }
    }

    fn entry(rest: &str) -> Self {
        let (id, verb) = rest.split_once('/').map_or((rest, None), |(id, verb)| (id, Some(verb)));
        let verb = match verb {
            None => EntryVerb::Show,
            Some("message") => EntryVerb::Export,
            Some("release") => EntryVerb::Release,
            Some("drop") => EntryVerb::Drop,
            Some(_) => return Self::Unknown,
        };
        id.parse().map_or(Self::Unknown, |id| Self::Entry(id, verb))
    }

    /// The methods, as `Allow` names them.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Participants(verb) | Self::Participant(_, verb) => match verb {
                Verb::All => "GET, POST",
                Verb::One => "GET",
                Verb::Pause | Verb::Resume | Verb::Rewind | Verb::Advance | Verb::Hold | Verb::Unhold => {
                    "POST"
                }
                Verb::Cap | Verb::Limits => "PUT",
            },
            Self::Type(..) | Self::Entry(_, EntryVerb::Release | EntryVerb::Drop) | Self::Reload => "POST",
            Self::Types
            | Self::Entries
            | Self::Entry(_, EntryVerb::Show | EntryVerb::Export)
            | Self::Live
            | Self::Ready
            | Self::Metrics
            | Self::Page
            | Self::Unknown => "GET",
        }
    }

    pub(super) const fn label(&self) -> RouteLabel {
        match self {
            Self::Live | Self::Ready => RouteLabel::Health,
            Self::Metrics => RouteLabel::Metrics,
            Self::Page => RouteLabel::StatusPage,
            Self::Participants(_)
            | Self::Participant(..)
            | Self::Types
            | Self::Type(..)
            | Self::Entries
            | Self::Entry(..)
            | Self::Reload => RouteLabel::Admin,
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

    /// The entry of the quarantine that the path names, if it names one.
    pub(super) fn entry_id(&self) -> Option<EntryId> {
        if let Self::Entry(id, _) = self { Some(*id) } else { None }
    }

    /// The command's name in the audit log; `None` for what only shows how the node is.
    pub(super) fn command(&self, method: &Method) -> Option<&'static str> {
        Some(match self {
            Self::Participants(verb) | Self::Participant(_, verb) => verb.name(method),
            Self::Types => "type.list",
            Self::Type(_, Switch::Enable) => "type.enable",
            Self::Type(_, Switch::Disable) => "type.disable",
            Self::Type(_, Switch::Clear) => "type.clear",
            Self::Entries => "quarantine.list",
            Self::Entry(_, EntryVerb::Show) => "quarantine.show",
            Self::Entry(_, EntryVerb::Export) => "quarantine.export",
            Self::Entry(_, EntryVerb::Release) => "quarantine.release",
            Self::Entry(_, EntryVerb::Drop) => "quarantine.drop",
            Self::Reload => "server.reload",
            Self::Live | Self::Ready | Self::Metrics | Self::Page | Self::Unknown => return None,
        })
    }

    /// Whether it takes more than looking: a change, or bytes of a message.
    pub(super) fn is_for_admins(&self, method: &Method) -> bool {
        method != Method::GET || matches!(self, Self::Entry(_, EntryVerb::Export))
    }
}

impl Verb {
    fn name(self, method: &Method) -> &'static str {
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
            Self::Hold => "participant.hold",
            Self::Unhold => "participant.unhold",
        }
    }
}

//! Routes about what the audit chain proves.

use pix_stream_delivery::edge::Code;

use crate::hooks;
use crate::parameters::{Form, NUMBER_MAX, Parameter, REASON};
use crate::routes::{AUDIT, Content, Hook, Operation, Reach, Route};

const RANGE: &[Parameter] = &[
    Parameter {
        name: "from",
        about: "The first sequence number; with `to`.",
        form: Form::Number(0, NUMBER_MAX),
    },
    Parameter { name: "to", about: "The last sequence number.", form: Form::Number(0, NUMBER_MAX) },
    Parameter {
        name: "since_unix_ms",
        about: "From this time of publishing on, in milliseconds since 1970; with `until_unix_ms`.",
        form: Form::Number(0, NUMBER_MAX),
    },
    Parameter {
        name: "until_unix_ms",
        about: "Up to, not including, this time.",
        form: Form::Number(0, NUMBER_MAX),
    },
    REASON,
];

pub(super) static ROUTES: &[Route] = &[
    Route::look(
        "/admin/v1/audit/messages/{resource_id}",
        Operation::ShowMessage,
        "audit.show",
        "An auditor's walk: who published a message and when, which tokens carried it, when it was confirmed.",
    )
    .allow(AUDIT)
    .reach(Reach::Narrowed)
    .query(&[REASON])
    .gives::<hooks::MessageEvidence>()
    .refuses(&[Code::Conflict, Code::Unavailable])
    .needs(Hook::Evidence),
    Route::look("/admin/v1/audit/head", Operation::ShowChain, "audit.head", "Where the audit chain ends, and its last anchor.")
        .allow(AUDIT)
        .gives::<hooks::ChainHead>()
        .refuses(&[Code::Conflict, Code::Unavailable])
        .needs(Hook::Evidence),
    Route::post(
        "/admin/v1/audit/verify",
        Operation::VerifyChain,
        "audit.verify",
        "Reads the whole audit chain and compares it with its anchors.",
    )
    .allow(AUDIT)
    .gives::<hooks::ChainVerified>()
    .refuses(&[Code::Conflict])
    .needs(Hook::Evidence),
    Route::look(
        "/admin/v1/participants/{ispb}/export",
        Operation::ExportMessages,
        "audit.export",
        "The messages of a range by their digests, a line each, with the proof that they are all (docs/compliance.md).",
    )
    .allow(AUDIT)
    .reach(Reach::Participant)
    .query(RANGE)
    .content(Content::Lines)
    .refuses(&[Code::Conflict, Code::Unavailable])
    .needs(Hook::Evidence),
];

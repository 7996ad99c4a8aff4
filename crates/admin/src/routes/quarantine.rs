//! Routes about messages that were refused from unattended intake.

use pix_stream_delivery::edge::Code;

use crate::operations::QUARANTINE_PAGE_MAX;
use crate::parameters::{Form, Parameter, REASON};
use crate::routes::{ADMIN, Content, Operation, Reach, Route, WORK};
use crate::views::{DroppedView, EntryView, PageView, ReleasedView};

const QUERY: &[Parameter] = &[
    Parameter { name: "ispb", about: "Only entries of this participant.", form: Form::Ispb },
    Parameter {
        name: "after",
        about: "Only entries after this one: the last page's `next`.",
        form: Form::Entry,
    },
    Parameter {
        name: "limit",
        about: "The most entries of a page; 100 without it.",
        form: Form::Number(1, QUARANTINE_PAGE_MAX as u64),
    },
];

pub(super) static ROUTES: &[Route] = &[
    Route::look(
        "/admin/v1/quarantine",
        Operation::ListEntries,
        "quarantine.list",
        "Messages that were refused, oldest first, a page at a time.",
    )
    .reach(Reach::Narrowed)
    .query(QUERY)
    .gives::<PageView<'static>>()
    .refuses(&[Code::Unavailable]),
    Route::look(
        "/admin/v1/quarantine/{entry}",
        Operation::ShowEntry,
        "quarantine.show",
        "One refused message: whose it is and what is wrong with it, without its text.",
    )
    .reach(Reach::Narrowed)
    .gives::<EntryView<'static>>()
    .refuses(&[Code::Unavailable]),
    EXPORT,
    Route::post(
        "/admin/v1/quarantine/{entry}/release",
        Operation::ReleaseEntry,
        "quarantine.release",
        "Examines a refused message again and publishes it if it is valid now.",
    )
    .allow(WORK)
    .reach(Reach::Narrowed)
    .gives::<ReleasedView>()
    .refuses(&[Code::InvalidMessage, Code::Conflict]),
    Route::post(
        "/admin/v1/quarantine/{entry}/drop",
        Operation::DropEntry,
        "quarantine.drop",
        "Removes a refused message for good.",
    )
    .allow(WORK)
    .reach(Reach::Narrowed)
    .gives::<DroppedView<'static>>(),
];

const EXPORT: Route = Route::look(
    "/admin/v1/quarantine/{entry}/message",
    Operation::ExportEntry,
    "quarantine.export",
    "A refused message as it came, byte by byte; the export is recorded.",
)
.reach(Reach::Narrowed)
.allow(ADMIN)
.query(&[REASON])
.content(Content::Message)
.refuses(&[Code::Unavailable, Code::Overloaded]);

//! Routes about the catalogue of message types.

use crate::requests::Switch;
use crate::routes::{Operation, Reach, Route, WORK};
use crate::views::{SwitchedView, TypesView};

pub(super) static ROUTES: &[Route] = &[
    Route::look(
        "/admin/v1/catalog",
        Operation::ListTypes,
        "type.list",
        "All message types that are loaded or have a switch.",
    )
    .reach(Reach::Narrowed)
    .gives::<TypesView<'static>>(),
    switch(
        "/admin/v1/catalog/{type}/enable",
        Operation::EnableType,
        "type.enable",
        "Switches a message type on, for all or for one participant.",
    ),
    switch(
        "/admin/v1/catalog/{type}/disable",
        Operation::DisableType,
        "type.disable",
        "Switches a message type off, for all or for one participant.",
    ),
    switch(
        "/admin/v1/catalog/{type}/clear",
        Operation::ClearType,
        "type.clear",
        "Takes a switch away: what it set is as for all again, or as configured.",
    ),
];

const fn switch(
    path: &'static str,
    operation: Operation,
    command: &'static str,
    summary: &'static str,
) -> Route {
    Route::post(path, operation, command, summary)
        .allow(WORK)
        .takes::<Switch>()
        .gives::<SwitchedView<'static>>()
}

//! Routes about participants and their streams.

use pix_stream_delivery::edge::Code;

use crate::requests::{Cap, Limits, NewParticipant, Period, Position, Replay, Retention};
use crate::routes::{Operation, Reach, Route, WORK};
use crate::views::{ChangedView, ListView, OpenedView, ReplayView, SavedView, StatusView};

const ALL: &str = "/admin/v1/participants";
const REPLAY: &str = "/admin/v1/participants/{ispb}/replay";

/// What a change of a participant's own properties may meet.
const SAVING: &[Code] = &[Code::Conflict, Code::Changed];

pub(super) static ROUTES: &[Route] = &[
    Route::look(ALL, Operation::ListParticipants, "participant.list", "All participants, by ISPB.")
        .reach(Reach::Narrowed)
        .gives::<ListView<'static>>(),
    Route::post(
        ALL,
        Operation::CreateParticipant,
        "participant.create",
        "Onboards a participant: 201 for a new one, 200 for the same again.",
    )
    .takes::<NewParticipant>()
    .gives::<SavedView<'static>>()
    .statuses(&[201, 200])
    .refuses(SAVING),
    Route::look(
        "/admin/v1/participants/{ispb}",
        Operation::ShowParticipant,
        "participant.show",
        "A participant with the state of its streams.",
    )
    .reach(Reach::Participant)
    .gives::<StatusView<'static>>()
    .refuses(&[Code::Unavailable]),
    of_streams(
        Route::post(
            "/admin/v1/participants/{ispb}/pause",
            Operation::Pause,
            "participant.pause",
            "Stops a participant's reads: they answer 503 `paused`. Publishing goes on.",
        ),
    ),
    of_streams(Route::post(
        "/admin/v1/participants/{ispb}/resume",
        Operation::Resume,
        "participant.resume",
        "Lets a participant read again.",
    )),
    of_streams(Route::put(
        "/admin/v1/participants/{ispb}/cap",
        Operation::Cap,
        "participant.cap",
        "Sets how many streams a participant may hold open.",
    ))
    .takes::<Cap>(),
    of_streams(Route::post(
        "/admin/v1/participants/{ispb}/rewind",
        Operation::Rewind,
        "participant.rewind",
        "Delivers everything from a sequence number on again. As a dry run: how many messages that would be.",
    ))
    .takes::<Position>(),
    of_streams(Route::post(
        "/admin/v1/participants/{ispb}/advance",
        Operation::Advance,
        "participant.advance",
        "Skips everything below a sequence number. As a dry run: how many messages that would be.",
    ))
    .takes::<Position>(),
    of_properties(Route::put(
        "/admin/v1/participants/{ispb}/limits",
        Operation::Limits,
        "participant.limits",
        "Replaces a participant's own limits; they apply from the next request on, on every node.",
    ))
    .allow(WORK)
    .takes::<Limits>(),
    of_streams(Route::post(
        "/admin/v1/participants/{ispb}/slots/{slot}/release",
        Operation::ReleaseSlot,
        "participant.release",
        "Ends the live stream in a slot; what it held is delivered again.",
    )),
    of_properties(Route::post(
        "/admin/v1/participants/{ispb}/offboard",
        Operation::Offboard,
        "participant.offboard",
        "A participant may neither read nor be published for; its messages stay for as long as they are kept.",
    )),
    of_properties(Route::post(
        "/admin/v1/participants/{ispb}/onboard",
        Operation::Onboard,
        "participant.onboard",
        "Takes an offboarding back: the participant goes on where it was.",
    )),
    of_properties(Route::post(
        "/admin/v1/participants/{ispb}/hold",
        Operation::Hold,
        "participant.hold",
        "Puts a participant's messages under legal hold, all or of a range of time: they are not removed, however old.",
    ))
    .takes::<Period>(),
    of_properties(Route::post(
        "/admin/v1/participants/{ispb}/unhold",
        Operation::Unhold,
        "participant.unhold",
        "Ends a legal hold: all that there is, or that of a range of time.",
    ))
    .takes::<Period>(),
    of_properties(Route::put(
        "/admin/v1/participants/{ispb}/retention",
        Operation::Retention,
        "participant.retention",
        "Sets for how many days a participant's messages are kept.",
    ))
    .takes::<Retention>(),
    Route::look(REPLAY, Operation::ShowReplay, "replay.show", "The replay session of a participant.")
        .reach(Reach::Participant)
        .gives::<ReplayView>()
        .refuses(&[Code::Unavailable]),
    of_properties(Route::post(
        REPLAY,
        Operation::OpenReplay,
        "replay.open",
        "Opens a replay session: a second, read-only cursor over a range, with a token of its own. The live streams do \
         not move. At most one a participant.",
    ))
    .takes::<Replay>()
    .gives::<OpenedView>()
    .statuses(&[201, 200]),
    of_properties(Route::delete(
        REPLAY,
        Operation::CloseReplay,
        "replay.close",
        "Closes the replay session of a participant; without one nothing changes.",
    )),
];

/// What a participant's streams do, for who does the day-to-day work.
const fn of_streams(route: Route) -> Route {
    route.allow(WORK).reach(Reach::Participant).gives::<ChangedView<'static>>()
}

/// What a participant is and may.
const fn of_properties(route: Route) -> Route {
    route.reach(Reach::Participant).gives::<SavedView<'static>>().refuses(SAVING)
}

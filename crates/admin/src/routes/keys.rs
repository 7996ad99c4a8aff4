//! Routes about the signing keys of tokens.

use pix_stream_delivery::edge::Code;

use crate::hooks;
use crate::requests::{KeyNumber, Rotation};
use crate::routes::{Hook, Operation, Route};
use crate::views::KeysView;

pub(super) static ROUTES: &[Route] = &[
    Route::look(
        "/admin/v1/keys",
        Operation::ListKeys,
        "keys.list",
        "The live signing keys of tokens: numbers and ages, never the keys.",
    )
    .gives::<hooks::Keys>()
    .needs(Hook::Keys)
    .refuses(&[Code::Unavailable]),
    Route::post(
        "/admin/v1/keys/rotate",
        Operation::RotateKeys,
        "keys.rotate",
        "Makes a new signing key: it signs at once, or once it is told to. At most two keys live.",
    )
    .takes::<Rotation>()
    .gives::<KeysView>()
    .statuses(&[201, 200])
    .refuses(&[Code::Conflict])
    .needs(Hook::Keys),
    Route::post(
        "/admin/v1/keys/sign",
        Operation::SignWithKey,
        "keys.sign",
        "Signs with another live key from now on.",
    )
    .takes::<KeyNumber>()
    .gives::<KeysView>()
    .refuses(&[Code::Conflict, Code::NotFound])
    .needs(Hook::Keys),
    Route::post(
        "/admin/v1/keys/{key}/retire",
        Operation::RetireKey,
        "keys.retire",
        "Removes a key that does not sign: its tokens are refused from now on.",
    )
    .gives::<KeysView>()
    .refuses(&[Code::Conflict])
    .needs(Hook::Keys),
];

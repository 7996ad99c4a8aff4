//! The table of routes held against the router, and against every answer that any test provokes: what it says is what
//! the OpenAPI document says.

use pix_stream_delivery::table::{ALLOW, ALWAYS, ApiRoute, PACE, REQUEST_ID, ROUTES};
use pix_stream_testkit::http::{Ask, Reply};

use crate::routes::world::{BANK, World, bank, producer};

fn has_form(pattern: &str, path: &str) -> bool {
    let (wanted, found): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let is_one =
        |(wanted, found): (&&str, &&str)| wanted == found || wanted.starts_with('{') && !found.is_empty();
    wanted.len() == found.len() && wanted.iter().zip(&found).all(is_one)
}

fn route(method: &str, path: &str) -> Option<&'static ApiRoute> {
    // `start` is no token: the first one that fits.
    ROUTES
        .iter()
        .find(|route| has_form(route.path, path))
        .and_then(|first| ROUTES.iter().find(|route| route.path == first.path && route.method == method))
}

/// Asserts that an answer is one that the table knows of.
pub(crate) fn check(request: &[u8], reply: &Reply) {
    let line = request.split(|byte| *byte == b'\r').next().unwrap();
    let mut words = std::str::from_utf8(line).unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let path = path.split('?').next().unwrap();
    let here = format!("{method} {path} {}", reply.status);
    assert!(reply.find(REQUEST_ID.name).is_some(), "{here}");
    assert_eq!(reply.status == 405, reply.find(ALLOW.name).is_some(), "{here}");
    let known = route(method, path);
    let may_refuse = known.map_or_else(|| ALWAYS.to_vec(), ApiRoute::codes);
    if reply.status >= 400 {
        let is_head = method == "HEAD";
        let text = if is_head { String::new() } else { reply.text() };
        let code = text.split("</type>").next().unwrap().rsplit('/').next().unwrap();
        let is_known = may_refuse
            .iter()
            .any(|one| one.status().as_u16() == reply.status && (is_head || one.text() == code));
        assert!(is_known, "{here} {code} is not in the table");
        return;
    }
    let known = known.unwrap_or_else(|| panic!("{here} is not in the table"));
    let answer = known.answers.iter().find(|answer| answer.status == reply.status);
    let answer = answer.unwrap_or_else(|| panic!("{here} is not in the table"));
    for header in answer.headers {
        assert!(reply.find(header.name).is_some(), "{here}: {} is missing", header.name);
    }
    let media = reply.find("Content-Type").map(|media| media.split(';').next().unwrap());
    assert_eq!(media.is_some(), !answer.body.is_empty(), "{here}");
    assert!(media.is_none_or(|media| answer.body.contains(&media)), "{here} {media:?}");
    assert!(known.is_paced || PACE.iter().all(|header| reply.find(header.name).is_none()), "{here}");
}

#[tokio::test(start_paused = true)]
async fn the_router_takes_the_methods_of_the_table_and_no_others() {
    let world = World::new().await;
    for pattern in ROUTES.map(|route| route.path) {
        let path = pattern.replace("{ispb}", BANK).replace("{token}", "x");
        let of_path: Vec<_> =
            ROUTES.iter().filter(|route| route.path == pattern).map(|route| route.method).collect();
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            for who in [bank(), producer()] {
                let reply = world.ask(&who, Ask::new(method, &path)).await;
                assert_eq!(reply.status == 405, !of_path.contains(&method), "{method} {path}");
                assert_ne!(reply.status, 404, "{method} {path}");
                if reply.status == 405 {
                    assert_eq!(reply.header("Allow"), of_path.join(", "));
                }
            }
        }
    }
}

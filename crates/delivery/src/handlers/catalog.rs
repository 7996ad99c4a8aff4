//! `GET catalog`: the message versions that are enabled, for any certificate with a role.

use http::Response;
use hyper::body::Incoming;
use pix_stream_app::Ports;

use crate::body::Body;
use crate::error::{Code, Problem, escape_into};
use crate::handlers::Call;
use crate::response::Pacing;
use crate::{negotiate, response};

/// Answers with the catalogue: what is switched on for the participant that asks, else for all. A participant's calls count in its window; those of other roles do not.
pub(crate) async fn catalog<P: Ports>(
    call: &Call<'_, P>,
    body: &mut Incoming,
    pace: &mut Pacing,
) -> Result<Response<Body>, Problem> {
    let identity = &call.peer.identity;
    let own = match identity.ispb() {
        Some(ispb) => match call.shared.app.look_up(ispb).await? {
            Some(participant) => {
                call.admit(&participant, pace).await?;
                Some(ispb)
            }
            None if identity.roles.any() => Some(ispb),
            None => return Err(Problem::not_onboarded()),
        },
        None => None,
    };
    if !negotiate::takes_xml(call.headers) {
        return Err(Problem::new(Code::NotAcceptable, "the catalogue is application/xml"));
    }
    call.discard(body).await?;
    Ok(response::document(render(&call.shared.app.catalog(own)), call.gzip))
}

fn render(types: &[String]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Catalog>");
    for message_type in types {
        xml.push_str("<Message>");
        escape_into(&mut xml, message_type);
        xml.push_str("</Message>");
    }
    xml.push_str("</Catalog>");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_a_message_element() {
        let types = ["pacs.002.spi.1.14".to_owned(), "pacs.008.spi.1.16".to_owned()];
        assert!(render(&types).ends_with(
            "<Catalog><Message>pacs.002.spi.1.14</Message><Message>pacs.008.spi.1.16</Message></Catalog>"
        ));
    }
}

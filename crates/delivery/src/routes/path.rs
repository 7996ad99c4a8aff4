//! Paths of the API listener (protocol, section 1), split by hand: there are four.

/// A path that has the form of one of ours. The ISPB is text here: its form is checked by who takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path<'a> {
    /// `/api/v1/out/{ispb}/stream/start`
    Start(&'a str),
    /// `/api/v1/out/{ispb}/stream/{token}`
    Pull(&'a str, &'a str),
    /// `/api/v1/out/catalog`
    Catalog,
    /// `/api/v1/out/{ispb}/msgs`
    Messages(&'a str),
    /// Anything else.
    Unknown,
}

impl<'a> Path<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/api/v1/out/") else { return Self::Unknown };
        let Some((ispb, rest)) = rest.split_once('/') else {
            return if rest == "catalog" { Self::Catalog } else { Self::Unknown };
        };
        match rest.split_once('/') {
            None if rest == "msgs" => Self::Messages(ispb),
            Some(("stream", "start")) => Self::Start(ispb),
            Some(("stream", token)) if !token.is_empty() && !token.contains('/') => Self::Pull(ispb, token),
            Some(_) | None => Self::Unknown,
        }
    }

    /// The ISPB, for the log: only one that can be.
    pub(super) fn ispb(&self) -> Option<&'a str> {
        let (Self::Start(ispb) | Self::Pull(ispb, _) | Self::Messages(ispb)) = *self else { return None };
        (ispb.len() == pix_stream_domain::ispb::LEN).then_some(ispb)
    }

    pub(super) const fn token(&self) -> Option<&'a str> {
        match *self {
            Self::Pull(_, token) => Some(token),
            Self::Start(_) | Self::Catalog | Self::Messages(_) | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_paths_are_known() {
        let known = [
            ("/api/v1/out/99999A04/stream/start", Path::Start("99999A04")),
            ("/api/v1/out/99999A04/stream/abc", Path::Pull("99999A04", "abc")),
            ("/api/v1/out/catalog", Path::Catalog),
            ("/api/v1/out/99999A04/msgs", Path::Messages("99999A04")),
            ("/api/v1/out/x/stream/start", Path::Start("x")),
        ];
        for (text, path) in known {
            assert_eq!(Path::of(text), path, "{text}");
        }
    }

    #[test]
    fn every_other_path_is_unknown() {
        let others = [
            "/",
            "*",
            "",
            "/api/v1/out",
            "/api/v1/out/",
            "/api/v1/out/catalog/",
            "/api/v1/out/99999A04",
            "/api/v1/out/99999A04/stream",
            "/api/v1/out/99999A04/stream/",
            "/api/v1/out/99999A04/stream/abc/",
            "/api/v1/out/99999A04/stream/a/b",
            "/api/v1/out/99999A04/msgs/",
            "/api/v1/out/99999A04/msgs/1",
            "/api/v2/out/99999A04/stream/start",
            "/API/v1/out/99999A04/stream/start",
            "//api/v1/out/99999A04/stream/start",
        ];
        for text in others {
            assert_eq!(Path::of(text), Path::Unknown, "{text}");
        }
    }
}

//! Versioned bytes in columns: a layout number, then fields, big-endian. Read from the front; `None` is what no build
//! up to this one can have written.

/// The layout that this build writes, but where an older build would miss something.
pub(crate) const LAYOUT: u8 = 1;

/// The start of a body.
pub(crate) fn begin() -> Vec<u8> {
    vec![LAYOUT]
}

/// Appends bytes behind their length.
pub(crate) fn push_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(bytes);
}

/// Appends a text behind its length.
pub(crate) fn push_text(body: &mut Vec<u8>, text: &str) {
    push_bytes(body, text.as_bytes());
}

/// What follows the layout's number.
pub(crate) struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        Self::up_to(LAYOUT, bytes).map(|(_, body)| body)
    }

    /// A body of a layout up to `newest`, and which it is.
    pub(crate) fn up_to(newest: u8, bytes: &'a [u8]) -> Option<(u8, Self)> {
        let (layout, rest) = bytes.split_first()?;
        (LAYOUT..=newest).contains(layout).then_some((*layout, Self(rest)))
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text as [`push_text`] wrote it.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Bytes as [`push_bytes`] wrote them.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

//! Versioned bytes in columns: a layout number, then fields, big-endian. Read from the front; `None` is what no build
//! up to this one can have written.

/// The layout that this build writes, but where an older build would miss something.
pub const LAYOUT: u8 = 1;

/// The start of a body.
#[must_use]
pub fn begin() -> Vec<u8> {
    vec![LAYOUT]
}

/// Appends bytes behind their length.
pub fn push_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(bytes);
}

/// Appends a text behind its length.
pub fn push_text(body: &mut Vec<u8>, text: &str) {
    push_bytes(body, text.as_bytes());
}

/// What follows the layout's number.
#[derive(Debug)]
pub struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    /// A body of the layout that is written everywhere.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        Self::up_to(LAYOUT, bytes).map(|(_, body)| body)
    }

    /// A body of a layout up to `newest`, and which it is.
    #[must_use]
    pub fn up_to(newest: u8, bytes: &'a [u8]) -> Option<(u8, Self)> {
        let (layout, rest) = bytes.split_first()?;
        (LAYOUT..=newest).contains(layout).then_some((*layout, Self(rest)))
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Some bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text as [`push_text`] wrote it.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Bytes as [`push_bytes`] wrote them.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

//! The codec: what a message says of itself at publish, and the bytes that are kept ready for its delivery.
//!
//! Synchronous and pure. Nothing here runs on the pull path but reading the finished bytes.

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;

/// Examines published XML and renders what responses are spliced from.
pub trait Codec: Send + Sync + 'static {
    /// Checks one message against its schema and the rules of the business header, in one pass.
    ///
    /// `recipient` is the participant it is published for: `AppHdr/To` must name it. `None` where a message is
    /// looked at alone, without a way to go.
    ///
    /// # Errors
    /// What makes the message unfit to be delivered, each with its place, at most [`FINDINGS_MAX`].
    fn examine(&self, xml: &[u8], recipient: Option<Ispb>) -> Result<Examined, Invalid>;

    /// Renders the multipart part of a message: its header lines, an empty line, the message's bytes as they
    /// are, and the CRLF that belongs to the boundary that follows (protocol, section 3).
    fn render(&self, resource_id: ResourceId, xml: &[u8], metadata: Option<&Metadata>) -> Part;

    /// Deflates a message's XML alone (no dictionary, without the part's header lines).
    fn alone(&self, part: &Part) -> Segment;

    /// Deflates a whole part with the part before it as dictionary, as it stands in a multipart body: behind
    /// `previous` come as many NUL bytes as the boundary line has (design, section 5).
    fn chained(&self, part: &Part, previous: &Part) -> Segment;

    /// Packs messages that follow one another, for another node: the first by its `alone` segment, the others by
    /// their `chained` ones. `None` when a segment is missing.
    fn pack(&self, messages: &[Packing<'_>]) -> Option<Bytes>;

    /// Reads what [`Codec::pack`] made; `None` when it did not, or when the checksums do not fit.
    fn unpack(&self, chunk: &[u8]) -> Option<Vec<Packed>>;

    /// The message types that a schema is loaded for, sorted: what a catalogue can list.
    fn catalog(&self) -> Vec<String>;

    /// Whether messages of a type can pass: a schema is loaded for it, or it passes without one by configuration.
    fn takes(&self, message_type: &str) -> bool;
}

/// What a message says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The type that the namespace names: `pacs.008.spi.1.16`.
    pub message_type: String,
    /// `AppHdr/BizMsgIdr`, 1 to 35 characters: the key of idempotency.
    pub business_id: String,
    /// `AppHdr/Fr`.
    pub from: Ispb,
    /// `AppHdr/To`.
    pub to: Ispb,
    /// `AppHdr/CreDt`, as written.
    pub created: String,
    /// Whether a schema was asked: `false` for a type that passes without one by configuration.
    pub is_validated: bool,
    /// The end-to-end ids of its transactions, in order, for traces; at most [`END_TO_END_IDS_MAX`].
    pub end_to_end_ids: Vec<String>,
}

/// How many end-to-end ids of one message are kept for traces.
pub const END_TO_END_IDS_MAX: usize = 10;

/// How many findings of one message are told: the first, and nine more.
pub const FINDINGS_MAX: usize = 10;

/// Why a message is refused: what was found first, and what else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first}")]
pub struct Invalid {
    /// The type that its namespace names, if the message could be read that far and it names one.
    pub message_type: Option<String>,
    /// The first finding.
    pub first: Finding,
    /// Further findings, in the order of the document; at most [`FINDINGS_MAX`] less one.
    pub more: Vec<Finding>,
}

/// One thing that is wrong with a message, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1, in characters.
    pub column: u64,
    /// Path of element names from the root: `Envelope/AppHdr/To`, an attribute behind `/@`; `/` where there is
    /// none yet. A name that no schema declares is content, and stands as [`UNKNOWN_NAME`].
    pub path: String,
    /// Which rule is broken.
    pub rule: Rule,
    /// What is wrong, in the field's words; never message content.
    pub reason: String,
    /// The text that was refused, or the last name of the path if that is hidden; at most [`VALUE_CHARS_MAX`]
    /// characters of it. It is message content, for the eyes of who holds the message already, and never goes to
    /// logs, answers or the audit log.
    pub value: Option<String>,
}

/// How many characters of a refused text are kept.
pub const VALUE_CHARS_MAX: usize = 64;

impl std::fmt::Display for Finding {
    /// `line:column path reason`, without the value: fit for logs and answers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {} {}", self.line, self.column, self.path, self.reason)
    }
}

/// What stands in a path for a name that no schema declares.
pub const UNKNOWN_NAME: &str = "*";

impl Finding {
    /// The reason with the value that was refused in front, if there is one: `"abc" does not match [0-9]{1,15}`.
    #[must_use]
    pub fn reason_with_value(&self) -> String {
        let value = self.value.as_ref().filter(|_| !self.hides_name());
        value.map_or_else(|| self.reason.clone(), |value| format!("{value:?} {}", self.reason))
    }

    /// The path with the name that [`UNKNOWN_NAME`] hides at its end.
    #[must_use]
    pub fn path_with_value(&self) -> String {
        let name = self.value.as_ref().filter(|_| self.hides_name());
        let shown = self.path.strip_suffix(UNKNOWN_NAME).zip(name);
        shown.map_or_else(|| self.path.clone(), |(path, name)| format!("{path}{name}"))
    }

    fn hides_name(&self) -> bool {
        self.path.ends_with(UNKNOWN_NAME)
    }
}

impl From<Finding> for Invalid {
    fn from(first: Finding) -> Self {
        Self { message_type: None, first, more: Vec::new() }
    }
}

impl Invalid {
    /// All findings, the first one first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// The rules that a message can break. The codes are stable and stand in `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// It is not well-formed XML 1.0 in UTF-8.
    WellFormed,
    /// It is over a limit of size, depth or number.
    Limit,
    /// It is no `Envelope` with one `AppHdr` and one `Document`, or its header lacks what every header has.
    Envelope,
    /// Its namespace is of no message for which a schema is loaded or that may pass without one.
    UnknownType,
    /// Its type is switched off.
    DisabledType,
    /// Its schema does not allow it.
    Schema,
    /// `To` is not the participant that it is published for.
    Recipient,
    /// `MsgDefIdr` is not the type that the namespace names.
    Definition,
    /// `BizMsgIdr` is not `M`, an ISPB, and 23 letters or digits.
    BusinessId,
    /// `BizMsgIdr` is not `GrpHdr/MsgId`.
    MessageId,
    /// It is not signed.
    Unsigned,
    /// Its signature does not hold.
    Signature,
    /// Its business id is known with other bytes. Found by the journal, not by the codec.
    Conflict,
}

impl Rule {
    /// Every rule, in the order of the variants.
    pub const ALL: [Self; 13] = [
        Self::WellFormed,
        Self::Limit,
        Self::Envelope,
        Self::UnknownType,
        Self::DisabledType,
        Self::Schema,
        Self::Recipient,
        Self::Definition,
        Self::BusinessId,
        Self::MessageId,
        Self::Unsigned,
        Self::Signature,
        Self::Conflict,
    ];

    /// The rule's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WellFormed => "wellFormed",
            Self::Limit => "limit",
            Self::Envelope => "envelope",
            Self::UnknownType => "unknownType",
            Self::DisabledType => "disabledType",
            Self::Schema => "schema",
            Self::Recipient => "recipient",
            Self::Definition => "definition",
            Self::BusinessId => "businessId",
            Self::MessageId => "messageId",
            Self::Unsigned => "unsigned",
            Self::Signature => "signature",
            Self::Conflict => "conflict",
        }
    }

    /// The rule of a code.
    #[must_use]
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }
}

/// What an operator may let a part say beyond its two fixed header lines (`[stream] part_metadata`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The message type.
    pub message_type: String,
    /// The message's place in the participant's order.
    pub sequence: Sequence,
}

/// A rendered part. The message's own bytes are a slice of it, so one buffer serves both forms of response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    bytes: Bytes,
    xml: std::ops::Range<usize>,
}

impl Part {
    /// A part of `bytes` whose message stands at `xml`.
    ///
    /// # Panics
    /// The range does not lie within the bytes: a defect of the codec.
    #[must_use]
    pub fn new(bytes: Bytes, xml: std::ops::Range<usize>) -> Self {
        assert!(xml.start <= xml.end && xml.end <= bytes.len(), "the message lies within its part");
        Self { bytes, xml }
    }

    /// The whole part, from its first header line to its closing CRLF.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The header lines and the empty line behind them; shares the part's buffer.
    #[must_use]
    pub fn head(&self) -> Bytes {
        self.bytes.slice(..self.xml.start)
    }

    /// The length of the message as it was published, in bytes.
    #[must_use]
    pub const fn xml_len(&self) -> usize {
        self.xml.end - self.xml.start
    }

    /// The message as it was published; shares the part's buffer.
    #[must_use]
    pub fn xml(&self) -> Bytes {
        self.bytes.slice(self.xml.clone())
    }
}

/// A message to be packed.
#[derive(Debug, Clone, Copy)]
pub struct Packing<'a> {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Its rendered part.
    pub part: &'a Part,
    /// Its XML deflated alone.
    pub alone: Option<&'a Segment>,
    /// Its part deflated behind that of the message before it.
    pub chained: Option<&'a Segment>,
}

/// A message that was packed on another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Its rendered part.
    pub part: Part,
    /// What it was packed by, when that was `alone`.
    pub alone: Option<Segment>,
    /// What it was packed by, when that was `chained`.
    pub chained: Option<Segment>,
}

/// A raw deflate segment that ends byte-aligned (sync flush), with what a gzip trailer needs of its plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Deflate blocks, none of them final.
    pub deflated: Bytes,
    /// The checksum of the plain bytes, ready to be combined.
    pub checksum: pix_stream_domain::checksum::Checksum,
}

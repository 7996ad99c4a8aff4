//! What a message must say of itself to be delivered: its envelope, its business header, and what of it must agree.
//!
//! The rules see the document as a run of starts, texts and ends, in order, and remember little. They know nothing
//! of bytes, positions or the reader. What the message's own schema demands is not checked here: it may not have one.

mod header;

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::codec::{END_TO_END_IDS_MAX, Examined};

use crate::fault::Fault;
use header::{Header, TEXT_CHARS_MAX};

/// The element that signs a message: its namespace and name.
const SIGNATURE: (&str, &str) = (pix_stream_signature::NAMESPACE, "Signature");
/// `Envelope/Document/…/GrpHdr`.
const GROUP_HEADER_DEPTH: usize = 4;

/// Where in the envelope the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    BeforeHeader,
    Header,
    BeforeDocument,
    Document,
    AfterDocument,
}

/// An element whose text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Header(header::Field),
    EndToEndId,
    MessageId,
}

/// A field that must agree with another, or with what is known from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Recipient,
    Definition,
    BusinessId,
    MessageId,
    Signature,
}

impl Mark {
    pub(crate) const COUNT: usize = Self::Signature as usize + 1;

    /// Where it stands, in every message alike; `None` where that depends on the message.
    pub(crate) const fn path(self) -> Option<&'static str> {
        match self {
            Self::Recipient => Some("Envelope/AppHdr/To/FIId/FinInstnId/Othr/Id"),
            Self::Definition => Some("Envelope/AppHdr/MsgDefIdr"),
            Self::BusinessId => Some("Envelope/AppHdr/BizMsgIdr"),
            Self::Signature => Some("Envelope/AppHdr/Sgntr"),
            Self::MessageId => None,
        }
    }
}

/// The state of one message's examination.
pub(crate) struct Rules {
    /// The namespace of the root, which is that of the whole message but its signature.
    namespace: String,
    message_type: String,
    /// Open elements: 1 in `Envelope`, 2 in `AppHdr` and `Document`.
    depth: usize,
    section: Section,
    header: Header,
    open: Option<Field>,
    /// Text of the open field. Its pieces (around comments, entities, CDATA) come one by one.
    text: String,
    end_to_end_ids: Vec<String>,
    /// Whether `GrpHdr` of the document is open.
    in_group_header: bool,
    message_id: Option<String>,
    /// The field that the last element to open is, if it is one of those.
    mark: Option<Mark>,
}

impl Rules {
    pub(crate) fn new() -> Self {
        Self {
            namespace: String::new(),
            message_type: String::new(),
            depth: 0,
            section: Section::BeforeHeader,
            header: Header::default(),
            open: None,
            text: String::new(),
            end_to_end_ids: Vec::new(),
            in_group_header: false,
            message_id: None,
            mark: None,
        }
    }

    /// What the message is, as the namespace of its root names it. Comes before the first start.
    pub(crate) fn set_type(&mut self, message_type: &str, namespace: &str) {
        message_type.clone_into(&mut self.message_type);
        namespace.clone_into(&mut self.namespace);
    }

    /// The field that has just been opened, if it is one that must agree with something.
    pub(crate) const fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// Whether the message has no signature.
    pub(crate) const fn is_unsigned(&self) -> bool {
        !self.header.is_signed()
    }

    /// The fields that do not agree with what they must agree with.
    pub(crate) fn disagreements(&self, recipient: Option<Ispb>) -> Vec<(Mark, Fault)> {
        let mut found = Vec::new();
        let (_, to) = self.header.parties();
        if let (Some(recipient), Some(to)) = (recipient, to)
            && recipient != to
        {
            found.push((Mark::Recipient, Fault::Recipient));
        }
        if self.header.definition.as_ref().is_some_and(|definition| *definition != self.message_type) {
            found.push((Mark::Definition, Fault::Definition));
        }
        let Some(business_id) = &self.header.business_id else { return found };
        if !header::is_business_id(business_id) {
            found.push((Mark::BusinessId, Fault::BusinessId));
        }
        if self.message_id.as_ref().is_some_and(|message_id| message_id != business_id) {
            found.push((Mark::MessageId, Fault::MessageId));
        }
        found
    }

    /// An element opens.
    pub(crate) fn start(&mut self, local: &str, namespace: &str) -> Result<(), Fault> {
        self.mark = None;
        if self.open.is_some() {
            return Err(Fault::ElementInText);
        }
        self.depth += 1;
        if self.depth == 1 {
            return Ok(());
        }
        let ours = namespace == self.namespace;
        if self.depth == 2 {
            return self.section(local, ours);
        }
        self.open = match self.section {
            Section::Header => {
                let is_signature = (namespace, local) == SIGNATURE;
                self.header.start(self.depth - 2, local, (ours, is_signature))?.map(Field::Header)
            }
            Section::Document => self.document_field(local, ours)?,
            Section::BeforeHeader | Section::BeforeDocument | Section::AfterDocument => None,
        };
        self.mark = match self.open {
            Some(Field::Header(field)) => field.mark(),
            Some(Field::MessageId) => Some(Mark::MessageId),
            Some(Field::EndToEndId) => None,
            None => self.header.opens_signature(self.depth - 2).then_some(Mark::Signature),
        };
        Ok(())
    }

    /// Text, or a piece of it.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Fault> {
        if self.open.is_some() {
            // One character over the limit is enough to know that it is over.
            let room = (TEXT_CHARS_MAX + 1).saturating_sub(self.text.chars().count());
            self.text.extend(text.chars().take(room));
            return Ok(());
        }
        let elements_only = match self.section {
            Section::Header => self.depth == 2 || (self.depth == 3 && self.header.is_in_signature()),
            Section::BeforeHeader | Section::BeforeDocument | Section::Document | Section::AfterDocument => {
                self.depth == 1
            }
        };
        if elements_only && !text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
            return Err(Fault::StrayText);
        }
        Ok(())
    }

    /// The innermost open element closes.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.open.take() {
            Some(Field::Header(field)) => self.header.accept(field, &self.text)?,
            Some(Field::EndToEndId) => self.keep_end_to_end_id(),
            Some(Field::MessageId) => self.message_id = Some(self.text.clone()),
            None => {}
        }
        self.text.clear();
        match self.section {
            // Before and between its two children, only Envelope itself can close.
            Section::BeforeHeader => return Err(Fault::Missing("AppHdr")),
            Section::BeforeDocument => return Err(Fault::Missing("Document")),
            Section::Header if self.depth == 2 => {
                self.header.complete()?;
                self.section = Section::BeforeDocument;
            }
            Section::Header => self.header.end(self.depth - 2)?,
            Section::Document if self.depth == 2 => self.section = Section::AfterDocument,
            Section::Document if self.depth == GROUP_HEADER_DEPTH => self.in_group_header = false,
            Section::Document | Section::AfterDocument => {}
        }
        self.depth -= 1;
        Ok(())
    }

    /// The document is over, well-formed to its last byte.
    pub(crate) fn finish(self, is_validated: bool) -> Result<Examined, Fault> {
        let parties = self.header.parties();
        Ok(Examined {
            from: parties.0.ok_or(Fault::Missing("Fr"))?,
            to: parties.1.ok_or(Fault::Missing("To"))?,
            business_id: self.header.business_id.ok_or(Fault::Missing("BizMsgIdr"))?,
            created: self.header.created.ok_or(Fault::Missing("CreDt"))?,
            message_type: self.message_type,
            is_validated,
            end_to_end_ids: self.end_to_end_ids,
        })
    }

    fn section(&mut self, local: &str, ours: bool) -> Result<(), Fault> {
        self.section = match local {
            "AppHdr" if self.section == Section::BeforeHeader => Section::Header,
            "Document" if self.section == Section::BeforeDocument => Section::Document,
            _ => return Err(Fault::Sequence),
        };
        if ours { Ok(()) } else { Err(Fault::ForeignNamespace) }
    }

    fn document_field(&mut self, local: &str, ours: bool) -> Result<Option<Field>, Fault> {
        if !ours {
            return Ok(None);
        }
        if self.depth == GROUP_HEADER_DEPTH {
            self.in_group_header = local == "GrpHdr";
        }
        let is_message_id = self.in_group_header && self.depth == GROUP_HEADER_DEPTH + 1 && local == "MsgId";
        if is_message_id {
            let is_first = self.message_id.is_none();
            return if is_first { Ok(Some(Field::MessageId)) } else { Err(Fault::Repeated("MsgId")) };
        }
        let wanted = matches!(local, "EndToEndId" | "OrgnlEndToEndId");
        Ok((wanted && self.end_to_end_ids.len() < END_TO_END_IDS_MAX).then_some(Field::EndToEndId))
    }

    /// Keeps an id for traces. One that is no id is left out, not refused: that is for the schema to say.
    fn keep_end_to_end_id(&mut self) {
        if header::check_text("EndToEndId", &self.text).is_ok() {
            self.end_to_end_ids.push(self.text.clone());
        }
    }
}

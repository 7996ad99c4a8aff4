//! What a message must say of itself to be delivered: its root, its namespace, its business header.
//!
//! The rules see the document as a run of starts, texts and ends, in order, and remember little. They know nothing
//! of bytes, positions or the reader. What the message's own schema demands is not checked here.

mod header;

use pix_stream_ports::codec::{END_TO_END_IDS_MAX, Examined};

use crate::catalog;
use crate::fault::Fault;
use header::{Header, TEXT_CHARS_MAX};

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
        }
    }

    /// An element opens.
    pub(crate) fn start(&mut self, local: &str, namespace: &str) -> Result<(), Fault> {
        if self.open.is_some() {
            return Err(Fault::ElementInText);
        }
        self.depth += 1;
        if self.depth == 1 {
            return self.root(local, namespace);
        }
        let ours = namespace == self.namespace;
        if self.depth == 2 {
            return self.section(local, ours);
        }
        self.open = match self.section {
            Section::Header => self.header.start(self.depth - 2, local, ours)?.map(Field::Header),
            Section::Document => self.end_to_end_id(local, ours),
            Section::BeforeHeader | Section::BeforeDocument | Section::AfterDocument => None,
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
        let elements_only = self.depth == 1 || (self.depth == 2 && self.section == Section::Header);
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
            Section::Document | Section::AfterDocument => {}
        }
        self.depth -= 1;
        Ok(())
    }

    /// The document is over, well-formed to its last byte.
    pub(crate) fn finish(self) -> Result<Examined, Fault> {
        let parties = self.header.parties();
        Ok(Examined {
            from: parties.0.ok_or(Fault::Missing("Fr"))?,
            to: parties.1.ok_or(Fault::Missing("To"))?,
            business_id: self.header.business_id.ok_or(Fault::Missing("BizMsgIdr"))?,
            created: self.header.created.ok_or(Fault::Missing("CreDt"))?,
            message_type: self.message_type,
            end_to_end_ids: self.end_to_end_ids,
        })
    }

    fn root(&mut self, local: &str, namespace: &str) -> Result<(), Fault> {
        if local != "Envelope" {
            return Err(Fault::Root);
        }
        self.message_type = catalog::find_message_type(namespace).ok_or(Fault::Namespace)?;
        namespace.clone_into(&mut self.namespace);
        Ok(())
    }

    fn section(&mut self, local: &str, ours: bool) -> Result<(), Fault> {
        self.section = match local {
            "AppHdr" if self.section == Section::BeforeHeader => Section::Header,
            "Document" if self.section == Section::BeforeDocument => Section::Document,
            _ => return Err(Fault::Sequence),
        };
        if ours { Ok(()) } else { Err(Fault::ForeignNamespace) }
    }

    fn end_to_end_id(&self, local: &str, ours: bool) -> Option<Field> {
        let wanted = ours && matches!(local, "EndToEndId" | "OrgnlEndToEndId");
        (wanted && self.end_to_end_ids.len() < END_TO_END_IDS_MAX).then_some(Field::EndToEndId)
    }

    /// Keeps an id for traces. One that is no id is left out, not refused: that is for the schema to say.
    fn keep_end_to_end_id(&mut self) {
        if header::check_text("EndToEndId", &self.text).is_ok() {
            self.end_to_end_ids.push(self.text.clone());
        }
    }
}

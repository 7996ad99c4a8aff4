//! Every reason for which a message is refused. Reasons name elements and limits, never what a message holds:
//! they travel to logs and answers, where personal data must not be (protocol, section 6).

use pix_stream_ports::codec::Rule;

use crate::limits::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, NAME_BYTES_MAX, NAMESPACE_BYTES_MAX};

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the message has more than {0} bytes")]
    TooLarge(usize),
    #[error("a byte order mark is not allowed")]
    ByteOrderMark,
    #[error("the bytes are not UTF-8")]
    NotUtf8,
    #[error("the declared encoding is not UTF-8")]
    Encoding,
    #[error("the XML version is not 1.0")]
    Version,
    #[error("a document type declaration is not allowed")]
    Doctype,

    #[error("elements are nested more than {0} deep")]
    Depth(usize),
    #[error("the message has more than {0} elements")]
    Elements(usize),
    #[error("more than {0} namespace prefixes are in scope")]
    Prefixes(usize),
    #[error("a namespace name has more than {NAMESPACE_BYTES_MAX} bytes")]
    NamespaceLength,
    #[error(
        "a name, an attribute or a text is over its limit ({NAME_BYTES_MAX} bytes a name, {ATTRIBUTES_MAX} \
         attributes of {ATTRIBUTE_BYTES_MAX} bytes)"
    )]
    ReaderLimit,

    #[error("the document ends too early")]
    Truncated,
    #[error("a closing tag does not match the open element")]
    ClosingTag,
    #[error("text outside the root element")]
    OutsideRoot,
    #[error("only blanks and comments may follow the root element")]
    AfterRoot,
    #[error("an attribute is repeated")]
    RepeatedAttribute,
    #[error("a namespace prefix is not declared")]
    UnboundPrefix,
    #[error("an entity is not declared")]
    UnknownEntity,
    #[error("a character that XML does not allow")]
    Character,
    #[error("a name with other characters than ASCII, which not every XML reader takes")]
    Name,
    #[error("the document is not well-formed")]
    Malformed,

    #[error("the root element is not Envelope")]
    Root,
    #[error("the namespace is not that of a known message")]
    Namespace,
    #[error("no schema is loaded for the message")]
    NoSchema,
    #[error("Envelope holds one AppHdr, then one Document, and nothing else")]
    Sequence,
    #[error("the element is not in the namespace of Envelope")]
    ForeignNamespace,
    #[error("text where only elements may stand")]
    StrayText,
    #[error("an element where only text may stand")]
    ElementInText,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is repeated")]
    Repeated(&'static str),
    #[error("{0} has no FIId/FinInstnId/Othr/Id")]
    NoParty(&'static str),
    #[error("{0} is not an ISPB: eight digits or capital letters")]
    Ispb(&'static str),
    #[error("{name} does not have 1 to {max} characters")]
    Length { name: &'static str, max: usize },
    #[error("{0} holds a blank or a control character")]
    Blank(&'static str),

    #[error("is not the participant that the message is published for")]
    Recipient,
    #[error("does not agree with the namespace of the message")]
    Definition,
    #[error("is not M, an ISPB, and 23 letters or digits")]
    BusinessId,
    #[error("does not agree with AppHdr/BizMsgIdr")]
    MessageId,
    #[error("the message is not signed")]
    Unsigned,
    #[error("what stands in Sgntr is no signature")]
    NoSignature,
}

/// What each kind of message of the reader begins with, and the fault that it stands for. The messages themselves
/// are never passed on: they quote the document.
const READER_MESSAGES: [(&str, Fault); 19] = [
    ("Unexpected end of stream", Fault::Truncated),
    ("Unclosed <![CDATA[", Fault::Truncated),
    ("Unexpected closing tag", Fault::ClosingTag),
    ("Unexpected characters outside the root element", Fault::OutsideRoot),
    ("Attribute '", Fault::RepeatedAttribute),
    ("Attribute ", Fault::UnboundPrefix),
    ("Element ", Fault::UnboundPrefix),
    ("Unexpected entity", Fault::UnknownEntity),
    ("Undefined entity", Fault::UnknownEntity),
    ("Invalid character U+", Fault::Character),
    ("Invalid numeric entity", Fault::Character),
    ("Unsupported encoding", Fault::Encoding),
    ("Declared encoding", Fault::Encoding),
    ("Invalid XML version", Fault::Version),
    ("Unexpected token: <!DOCTYPE", Fault::Doctype),
    ("Entity too big", Fault::Doctype),
    ("Unknown markup declaration", Fault::Doctype),
    ("This document is larger/more complex", Fault::ReaderLimit),
    ("Namespace '", Fault::Namespace),
];

impl Fault {
    /// The rule that is broken.
    pub(crate) const fn rule(self) -> Rule {
        match self {
            Self::TooLarge(_)
            | Self::Depth(_)
            | Self::Elements(_)
            | Self::Prefixes(_)
            | Self::NamespaceLength
            | Self::ReaderLimit => Rule::Limit,
            Self::ByteOrderMark
            | Self::NotUtf8
            | Self::Encoding
            | Self::Version
            | Self::Doctype
            | Self::Truncated
            | Self::ClosingTag
            | Self::OutsideRoot
            | Self::AfterRoot
            | Self::RepeatedAttribute
            | Self::UnboundPrefix
            | Self::UnknownEntity
            | Self::Character
            | Self::Name
            | Self::Malformed => Rule::WellFormed,
            Self::Namespace | Self::NoSchema => Rule::UnknownType,
            Self::Root
            | Self::Sequence
            | Self::ForeignNamespace
            | Self::StrayText
            | Self::ElementInText
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::NoParty(_)
            | Self::Ispb(_)
            | Self::Length { .. }
            | Self::Blank(_) => Rule::Envelope,
            Self::Recipient => Rule::Recipient,
            Self::Definition => Rule::Definition,
            Self::BusinessId => Rule::BusinessId,
            Self::MessageId => Rule::MessageId,
            Self::Unsigned | Self::NoSignature => Rule::Unsigned,
        }
    }

    /// The fault that a message of the reader stands for; [`Fault::Malformed`] when it is none we tell apart.
    pub(crate) fn from_reader_message(message: &str) -> Self {
        let known = READER_MESSAGES.iter().find(|(start, _)| message.starts_with(start));
        known.map_or(Self::Malformed, |(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_quotes_is_not_passed_on() {
        let quoting = "Unexpected entity: Fulano-de-Tal";
        assert_eq!(Fault::from_reader_message(quoting).to_string(), "an entity is not declared");
        assert_eq!(Fault::from_reader_message("Something new: Fulano"), Fault::Malformed);
    }
}

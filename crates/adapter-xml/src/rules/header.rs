//! The business header, `AppHdr`: who sent the message, to whom, when, and under which id.

use pix_stream_domain::ispb::Ispb;

use crate::fault::Fault;
use crate::rules::Mark;

const ISPB_LEN: usize = 8;
/// What follows `M` and the ISPB in a `BizMsgIdr`.
const BUSINESS_NUMBER_LEN: usize = 23;

/// Longest text of a header field, in characters (`Max35Text` of ISO 20022).
pub(super) const TEXT_CHARS_MAX: usize = 35;

/// The children of `AppHdr` that stand there once, and those that must.
const CHILDREN: [(&str, bool); 6] =
    [("Fr", true), ("To", true), ("BizMsgIdr", true), ("MsgDefIdr", true), ("CreDt", true), ("Sgntr", false)];
/// Where the ISPB of `Fr` and `To` stands below them.
const PARTY: [&str; 4] = ["FIId", "FinInstnId", "Othr", "Id"];

/// A header field that holds text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Party(Side),
    BusinessId,
    Definition,
    Created,
}

/// Which end of the message's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// What the header has said so far.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Which of [`CHILDREN`] have been opened.
    seen: [bool; CHILDREN.len()],
    /// The party that is open.
    side: Option<Side>,
    /// How many steps of [`PARTY`] are open.
    steps: usize,
    from: Option<Ispb>,
    to: Option<Ispb>,
    pub(super) business_id: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) created: Option<String>,
    /// `Sgntr` is open.
    in_signature: bool,
    signed: bool,
}

impl Header {
    /// An element opens, `depth` levels below `AppHdr`, from 1; `ours` when it is in the message's namespace.
    pub(super) fn start(
        &mut self,
        depth: usize,
        local: &str,
        (ours, is_signature): (bool, bool),
    ) -> Result<Option<Field>, Fault> {
        if depth == 1 {
            return if ours { self.child(local) } else { Err(Fault::ForeignNamespace) };
        }
        // Exactly one signature, and nothing beside it.
        if self.in_signature && depth == 2 && (!is_signature || std::mem::replace(&mut self.signed, true)) {
            return Err(Fault::NoSignature);
        }
        let Some(side) = self.side else { return Ok(None) };
        let next = ours && self.steps + 2 == depth && PARTY.get(self.steps) == Some(&local);
        if !next {
            return Ok(None);
        }
        self.steps += 1;
        if self.steps < PARTY.len() {
            return Ok(None);
        }
        if self.party(side).is_some() {
            return Err(Fault::Repeated("Id"));
        }
        Ok(Some(Field::Party(side)))
    }

    /// The text of a field is complete.
    pub(super) fn accept(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        match field {
            Field::Party(side) => {
                let ispb = text.parse().map_err(|_| Fault::Ispb(side.name()))?;
                *self.party(side) = Some(ispb);
            }
            Field::BusinessId => {
                check_text("BizMsgIdr", text)?;
                self.business_id = Some(text.to_owned());
            }
            Field::Definition => {
                check_text("MsgDefIdr", text)?;
                self.definition = Some(text.to_owned());
            }
            Field::Created => {
                check_text("CreDt", text)?;
                self.created = Some(text.to_owned());
            }
        }
        Ok(())
    }

    /// An element closes, `depth` levels below `AppHdr`, from 1.
    pub(super) fn end(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > 1 {
            if self.steps + 1 == depth {
                self.steps -= 1;
            }
            return Ok(());
        }
        self.in_signature = false;
        match self.side.take() {
            Some(side) if self.party(side).is_none() => Err(Fault::NoParty(side.name())),
            Some(_) | None => Ok(()),
        }
    }

    /// `AppHdr` closes: whether all that must be there was.
    pub(super) fn complete(&self) -> Result<(), Fault> {
        let missing = CHILDREN.iter().zip(self.seen).find(|((_, required), seen)| *required && !seen);
        missing.map_or(Ok(()), |((name, _), _)| Err(Fault::Missing(name)))
    }

    /// Sender and receiver.
    pub(super) fn parties(&self) -> (Option<Ispb>, Option<Ispb>) {
        (self.from, self.to)
    }

    /// Whether the signature's place is open.
    pub(super) const fn is_in_signature(&self) -> bool {
        self.in_signature
    }

    /// Whether there was a signature.
    pub(super) const fn is_signed(&self) -> bool {
        self.signed
    }

    /// Whether the element that has just been opened, `depth` levels below `AppHdr`, is the signature's place.
    pub(super) const fn opens_signature(&self, depth: usize) -> bool {
        depth == 1 && self.in_signature
    }

    fn child(&mut self, local: &str) -> Result<Option<Field>, Fault> {
        // What else a header may hold is for the schema to say.
        let Some(at) = CHILDREN.iter().position(|(name, _)| *name == local) else { return Ok(None) };
        if std::mem::replace(&mut self.seen[at], true) {
            return Err(Fault::Repeated(CHILDREN[at].0));
        }
        self.in_signature = local == "Sgntr";
        self.side = match local {
            "Fr" => Some(Side::From),
            "To" => Some(Side::To),
            _ => None,
        };
        Ok(match local {
            "BizMsgIdr" => Some(Field::BusinessId),
            "MsgDefIdr" => Some(Field::Definition),
            "CreDt" => Some(Field::Created),
            _ => None,
        })
    }

    fn party(&mut self, side: Side) -> &mut Option<Ispb> {
        match side {
            Side::From => &mut self.from,
            Side::To => &mut self.to,
        }
    }
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::From => "Fr",
            Self::To => "To",
        }
    }
}

impl Field {
    /// Which field it is of those that must agree with something.
    pub(super) const fn mark(self) -> Option<Mark> {
        match self {
            Self::Party(Side::To) => Some(Mark::Recipient),
            Self::Definition => Some(Mark::Definition),
            Self::BusinessId => Some(Mark::BusinessId),
            Self::Party(Side::From) | Self::Created => None,
        }
    }
}

/// Whether an id has the form of the header's rules: `M`, an ISPB, 23 letters or digits.
pub(super) fn is_business_id(id: &str) -> bool {
    let [b'M', rest @ ..] = id.as_bytes() else { return false };
    let Some((ispb, number)) = rest.split_at_checked(ISPB_LEN) else { return false };
    number.len() == BUSINESS_NUMBER_LEN
        && ispb.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && number.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether a text may be an identifier: it has 1 to [`TEXT_CHARS_MAX`] characters, and none that would look like
/// nothing in a log or split its line.
pub(super) fn check_text(name: &'static str, text: &str) -> Result<(), Fault> {
    if !(1..=TEXT_CHARS_MAX).contains(&text.chars().count()) {
        return Err(Fault::Length { name, max: TEXT_CHARS_MAX });
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Fault::Blank(name));
    }
    Ok(())
}

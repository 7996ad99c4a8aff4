//! What a token can say of its writer: which region, and in which epoch. Not what follows from that: each table decides.

use super::Token;

/// Stands at the beginning of tokens with a mark. One without a mark begins so once in 16 million times.
const MAGIC: [u8; 3] = [0xa7, 0x52, 0x67];
const PLACE: usize = MAGIC.len();
const EPOCH: std::ops::Range<usize> = PLACE + 1..PLACE + 5;

/// Who wrote. The rest of the token, eight bytes, stays random. As long as any token, so that builds which know of no
/// marks compare and replace it like theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The number of the region among all of them.
    pub(crate) place: u8,
    /// The participant's epoch.
    pub(crate) epoch: u32,
}

impl Mark {
    /// That of a token; `None`: it has none.
    pub(crate) fn of(token: Token) -> Option<Self> {
        let epoch: [u8; 4] = token[EPOCH].try_into().ok()?;
        let mark = Self { place: token[PLACE], epoch: u32::from_be_bytes(epoch) };
        token.starts_with(&MAGIC).then_some(mark)
    }

    /// The token with this mark.
    pub(crate) fn on(self, mut token: Token) -> Token {
        token[..PLACE].copy_from_slice(&MAGIC);
        token[PLACE] = self.place;
        token[EPOCH].copy_from_slice(&self.epoch.to_be_bytes());
        token
    }
}

/// The token of a fence over a row. It leaves the columns as they are, so it says of them what the one before said.
pub(super) fn fence(token: Token, over: Option<Token>) -> Token {
    over.and_then(Mark::of).map_or(token, |mark| mark.on(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_wrote_and_its_rest_stays_as_it_is() {
        let mark = Mark { place: 3, epoch: 0x0102_0304 };
        let token = mark.on([9; 16]);
        assert_eq!(Mark::of(token), Some(mark));
        assert_eq!(token[8..], [9; 8]);
        assert_eq!(Mark::of([9; 16]), None);
    }

    #[test]
    fn a_fence_says_of_the_row_what_was_said_before() {
        let mark = Mark { place: 1, epoch: 7 };
        let fence_over = |over| Mark::of(fence([5; 16], over));
        assert_eq!(fence_over(Some(mark.on([9; 16]))), Some(mark));
        assert_eq!(fence_over(Some([9; 16])), None);
        assert_eq!(fence_over(None), None);
    }
}

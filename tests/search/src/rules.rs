//! Rules that can be left out, one at a time: a promise that cannot be broken is worth nothing.

/// Who may do what; whole, or with one rule left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules<B>(pub Option<B>);

impl<B: Copy + PartialEq> Rules<B> {
    /// Everything as it must be.
    pub const WHOLE: Self = Self(None);

    /// One rule less.
    pub fn without(broken: B) -> Self {
        Self(Some(broken))
    }

    /// Whether this rule is left out.
    pub fn lack(self, broken: B) -> bool {
        self.0 == Some(broken)
    }
}

//! The fuzzer's input as a row of decisions.
//! Why: bytes alone seldom get past a checksum or deep into a document. So a target takes its first decisions from the
//! input, such as where a valid document is cut, and the bytes to be read from the rest.

/// An input, taken from its front. What is asked for beyond its end is zero or empty.
pub struct Choices<'i>(&'i [u8]);

impl<'i> Choices<'i> {
    /// All of an input.
    pub const fn new(input: &'i [u8]) -> Self {
        Self(input)
    }

    /// A number below 256.
    pub fn byte(&mut self) -> u8 {
        self.piece(1).first().copied().unwrap_or_default()
    }

    /// A number below 65,536.
    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// Sixteen bytes as one number.
    pub fn wide_number(&mut self) -> u128 {
        self.piece(16).iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// At most so many bytes.
    pub fn piece(&mut self, len: usize) -> &'i [u8] {
        let (piece, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        piece
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'i [u8] {
        self.piece(usize::MAX)
    }

    /// This text, in which some bytes are replaced by what is left.
    pub fn spliced(&mut self, valid: &[u8]) -> Vec<u8> {
        let start = self.number().min(valid.len());
        let end = (start + usize::from(self.byte())).min(valid.len());
        [&valid[..start], self.rest(), &valid[end..]].concat()
    }
}

//! A fuzzer's bytes as decisions, in their order. Where they have run out, every decision is the first one there is.

/// The bytes that are left.
#[derive(Debug)]
pub(super) struct Choices {
    bytes: Vec<u8>,
    at: usize,
}

impl Choices {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// True once in 16 times: for what is rare, or slow.
    pub(super) fn seldom(&mut self) -> bool {
        self.byte() >= 0xf0
    }

    /// Less than `bound`, which is at most 256 and not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// One of these.
    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A number that a driver may say: small ones and the ends of what it can say more often than others.
    pub(super) fn number(&mut self) -> u32 {
        match self.byte() % 8 {
            0 => 0,
            1 => 1,
            2 | 3 => u32::from(self.byte()),
            4 => u32::from_le_bytes([self.byte(), self.byte(), 0, 0]),
            5 => u32::MAX - u32::from(self.byte()),
            6 => 1 << self.below(32),
            _ => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
        }
    }

    /// The same with 64 bits.
    pub(super) fn long_number(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => u64::from(self.number()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => 1 << self.below(64),
            _ => u64::from(self.number()) << 32 | u64::from(self.number()),
        }
    }

    /// So many bytes, or those that are left.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest[..count.min(rest.len())].to_vec();
        self.at += taken.len();
        taken
    }

    /// A name as the seam gives it: made valid UTF-8, at most `longest` bytes before that.
    pub(super) fn text(&mut self, longest: usize) -> String {
        let length = usize::from(self.byte()).min(longest);
        String::from_utf8_lossy(&self.take(length)).into_owned()
    }
}

//! Control requests: the eight bytes every one begins with.

/// The request that chooses an interface's setting.
pub const SET_INTERFACE: u8 = 11;

/// A control request (USB 2.0, table 9-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    pub kind: u8,
    pub request: u8,
    pub value: u16,
    pub index: u16,
}

/// Whom a request addresses, and by whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The device or an interface, by USB itself.
    Standard,
    /// An interface, by its class.
    Interface,
    /// An endpoint, by its class.
    Endpoint,
    Other,
}

impl Setup {
    /// From its bytes.
    pub fn parse([kind, request, value_low, value_high, index_low, index_high, _, _]: [u8; 8]) -> Setup {
        let value = u16::from_le_bytes([value_low, value_high]);
        Setup { kind, request, value, index: u16::from_le_bytes([index_low, index_high]) }
    }

    /// Whom it addresses.
    pub fn recipient(self) -> Recipient {
        match (self.kind >> 5 & 3, self.kind & 0x1f) {
            (0, _) => Recipient::Standard,
            (1, 1) => Recipient::Interface,
            (1, 2) => Recipient::Endpoint,
            _ => Recipient::Other,
        }
    }
}

/// These bytes of a field, if the host sent that many.
pub fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Puts a field in its place.
pub fn write(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

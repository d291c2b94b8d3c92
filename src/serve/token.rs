//! Secrets: what a link carries, and what a cookie holds.

use std::fmt;
use std::hint::black_box;

use crate::error::{Error, ErrorName, Result};

/// 160 random bits as 40 hexadecimal digits, from the kernel's generator (getrandom(2)).
///
/// Neither [`fmt::Debug`] nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// [`ErrorName::AbortError`] where the kernel gives no random bytes.
    pub fn random() -> Result<Self> {
        let mut bytes = [0u8; 20];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(ErrorName::AbortError, format!("the kernel gives no random bytes for a token: {error}"))
        })?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// One that was kept: at least 32 of the letters and digits that a link needs not escape.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`] for any other text, which is not shown.
    pub fn from_text(text: &str) -> Result<Self> {
        let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !fits || !(32..=256).contains(&text.len()) {
            return Err(Error::new(ErrorName::TypeError, "a token is 32 to 256 letters, digits, - and _")
                .with_remedy("make one with: openssl rand -hex 20"));
        }
        Ok(Self(text.to_owned()))
    }

    /// As it stands in a link.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this token, in a time that tells nothing but its length.
    pub(super) fn is(&self, text: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), text.as_bytes());
        if own.len() != other.len() {
            return false;
        }
        // Every byte is looked at, and the compiler cannot know that the rest does not matter.
        let differing = own.iter().zip(other).fold(0u8, |differing, (a, b)| black_box(differing | (a ^ b)));
        differing == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ_and_only_the_same_text_is_one() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_eq!(one.as_str().len(), 40);
        assert_ne!(one, other);
        assert!(one.is(one.as_str()));
        assert!(!one.is(other.as_str()) && !one.is("") && !one.is(&one.as_str()[1..]));
        assert!(!one.is(&one.as_str().to_uppercase()) || one.as_str().bytes().all(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::from_text(&"s".repeat(32)).unwrap();
        assert!(!format!("{token:?}").contains('s'));
        let error = Token::from_text("secret").unwrap_err();
        assert!(!error.message().contains("secret"));
        assert!(Token::from_text(&"a b".repeat(20)).is_err());
    }
}

//! Texts with `*` in them, which stands for any characters.

use std::fmt;

/// What a rule compares with an id or a label: the pieces between the asterisks.
///
/// There is at least one piece; the first and the last may be empty (an asterisk at that end), those between never are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Whether it is the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return false };
        if self.0.len() == 1 {
            return text == first;
        }
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        // The leftmost place of each piece leaves the most to the others.
        for piece in &self.0[1..self.0.len() - 1] {
            let Some(place) = rest.find(piece.as_str()) else { return false };
            rest = &rest[place + piece.len()..];
        }
        true
    }

    /// Whether it is this word, letter for letter.
    pub(super) fn is_exactly(&self, word: &str) -> bool {
        self.0.len() == 1 && self.matches(word)
    }

    /// Whether this character stands in it.
    pub(super) fn contains(&self, character: char) -> bool {
        self.0.iter().any(|piece| piece.contains(character))
    }

    /// Writes it, each character of its own through `escape`.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        escape: impl Fn(char, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        for (number, piece) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("*")?;
            }
            piece.chars().try_for_each(|character| escape(character, f))?;
        }
        Ok(())
    }
}

/// A pattern while it is read.
#[derive(Debug, Default)]
pub(super) struct PatternReader {
    done: Vec<String>,
    piece: String,
}

impl PatternReader {
    /// A character that stands for itself.
    pub(super) fn character(&mut self, character: char) {
        self.piece.push(character);
    }

    /// An asterisk. Several in a row are one.
    pub(super) fn any(&mut self) {
        if self.done.is_empty() || !self.piece.is_empty() {
            self.done.push(std::mem::take(&mut self.piece));
        }
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Pattern {
        self.done.push(self.piece);
        Pattern(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let mut reader = PatternReader::default();
        text.chars().for_each(|character| if character == '*' { reader.any() } else { reader.character(character) });
        reader.finish()
    }

    #[test]
    fn an_asterisk_is_any_characters_or_none_and_the_rest_is_itself() {
        for (written, fits, fits_not) in [
            ("abc", &["abc"][..], &["", "ab", "abcd", "xabc"][..]),
            ("*", &["", "a", "*"], &[]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*a", &["a", "ba"], &["", "ab"]),
            ("a*a", &["aa", "aba", "aaa"], &["a", "ab"]),
            ("a*b*c", &["abc", "axbxc", "abbcc"], &["ac", "acb", "ab"]),
            ("*ab*b*", &["abb", "xabxbx"], &["ab", "ba"]),
            ("", &[""], &["a"]),
        ] {
            let pattern = pattern(written);
            fits.iter().for_each(|text| assert!(pattern.matches(text), "{written} is {text}"));
            fits_not.iter().for_each(|text| assert!(!pattern.matches(text), "{written} is not {text}"));
        }
    }

    #[test]
    fn asterisks_in_a_row_are_one() {
        assert_eq!(pattern("a***b"), pattern("a*b"));
        assert_eq!(pattern("**"), pattern("*"));
        assert!(pattern("ab").is_exactly("ab") && !pattern("a*").is_exactly("ab") && !pattern("*").is_exactly(""));
    }
}

//! Samples as files hold them: 8 bits unsigned, 24 bits in three bytes.

use crate::format::SampleFormat;

/// Lays samples out anew where a card's layout is not a file's. Keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Pcm {
    scratch: Vec<u8>,
}

impl Pcm {
    /// The samples as files hold them; those that are so already are not touched.
    pub(super) fn arrange<'a>(&'a mut self, format: SampleFormat, samples: &'a [u8]) -> &'a [u8] {
        self.scratch.clear();
        match format {
            SampleFormat::S24Le => {
                self.scratch.extend(samples.chunks_exact(4).flat_map(|sample| sample.iter().take(3)));
            }
            SampleFormat::S8 => self.scratch.extend(samples.iter().map(|sample| sample ^ 0x80)),
            _ => return samples,
        }
        &self.scratch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_samples_lose_their_padding() {
        let mut pcm = Pcm::default();
        assert_eq!(pcm.arrange(SampleFormat::S24Le, &[1, 2, 3, 0, 4, 5, 6, 0xff]), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn signed_bytes_become_unsigned() {
        assert_eq!(Pcm::default().arrange(SampleFormat::S8, &[0, 0x7f, 0x80]), [0x80, 0xff, 0]);
    }

    #[test]
    fn what_files_hold_as_it_is_stays_where_it_is() {
        let samples = [1, 2, 3, 4];
        assert!(std::ptr::eq(Pcm::default().arrange(SampleFormat::S16Le, &samples), &samples[..]));
    }
}
